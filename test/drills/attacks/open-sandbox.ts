import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../support/built.ts'
import type { Attack, Row } from './support/attack.ts'

const cases: Record<string, Record<string, string>> = {
  'HOST=0.0.0.0': { HOST: '0.0.0.0' },
  'HOST=::': { HOST: '::' },
  'an https BASE_URL': { BASE_URL: 'https://login.example.com' },
}

/** Somebody forgets NODE_ENV=production on a server. */
export default {
  name: 'open-sandbox',
  async run() {
    const rows: Row[] = []
    for (const [name, env] of Object.entries(cases)) {
      const cwd = await mkdtemp(join(tmpdir(), 'firstlogin-open-'))
      const child = spawn(process.execPath, [join(root, 'dist/server.js')], {
        cwd,
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: process.env['PATH'], PORT: '0', ...env },
        timeout: 60_000,
      })
      let said = ''
      child.stderr.on('data', (chunk) => (said += chunk))
      const [code] = (await once(child, 'close')) as [number | null]
      const written = await readdir(cwd)
      await rm(cwd, { recursive: true, force: true })
      rows.push({
        attack: `the sandbox with ${name} and without NODE_ENV=production`,
        figure: `exit ${code}, ${said.trim().split('\n').length} line, ${written.length} files`,
        limit: 'exit 1, one sentence, nothing written',
        verdict:
          code === 1 && said.includes('FIRSTLOGIN_SANDBOX=1') && written.length === 0 ? 'held' : 'failed',
      })
    }
    return rows
  },
} satisfies Attack
