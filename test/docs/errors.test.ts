import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { catalogue } from '../../errors.ts'

t.test('docs/errors.md has every code with its status, a cause and what to do', async (t) => {
  const page = await readFile(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(FL_\w+)` \| (\d+) \| ([^|]{10,}) \| ([^|]{5,}) \|$/gm)]
  t.same(
    rows.map(([, code, status]) => [code, Number(status)]),
    Object.entries(catalogue).map(([code, [status]]) => [code, status]),
  )
})
