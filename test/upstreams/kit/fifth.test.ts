import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Check } from '../../../upstreams/kit/index.ts'
import { root } from '../../support/built.ts'

/** The page's blocks of code, by the path in their first line. */
async function readPage(): Promise<Map<string, string>> {
  const text = await readFile(join(root, 'docs/upstreams.md'), 'utf8')
  const blocks = text.matchAll(/^```ts\n\/\/ (?<path>[\w./-]+)\n(?<code>.*?)^```$/gms)
  return new Map([...blocks].map(({ groups = {} }) => [groups['path'] ?? '', groups['code'] ?? '']))
}

/** A checkout beside this one with all that this one has, but for what the page writes. */
const checkout = join(root, '.data/test/another-upstream')
const page = await readPage()
const list = 'upstreams/index.ts'

async function write(path: string, text: string): Promise<void> {
  const there = await readFile(join(checkout, path), 'utf8').catch(() => undefined)
  if (there === text) return
  await mkdir(dirname(join(checkout, path)), { recursive: true })
  await writeFile(join(checkout, path), text)
}
async function link(path: string): Promise<void> {
  await mkdir(dirname(join(checkout, path)), { recursive: true })
  await symlink(join(root, path), join(checkout, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}
const load = (path: string) => import(pathToFileURL(join(checkout, path)).href)

for (const path of ['domain', 'schemas', 'plugins', 'errors.ts']) await link(path)
for (const name of await readdir(join(root, 'upstreams')))
  if (name !== 'index.ts') await link(`upstreams/${name}`)
for (const [path, code] of page) if (path !== list) await write(path, code)
await write('config.ts', await readFile(join(root, 'config.ts'), 'utf8'))
const own = await readFile(join(root, list), 'utf8')
// The page shows the lines that are new.
await write(list, `${own.replace(/^export const upstreams.*$/m, '')}${page.get(list) ?? ''}`)

const token = 'the-token-of-a-reader'
const people = [
  { id: '17', email: 'Ada@example.com', email_verified: true, name: 'Ada Lovelace', status: 'active' },
  { id: '18', email: 'alan@example.com', email_verified: false, name: 'Alan Turing', status: 'left' },
]

/** The service that the page speaks of. */
const staff = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://staff')
  const [email, place] = [searchParams.get('email'), Number(searchParams.get('page'))]
  const one = people.find(({ id }) => pathname === `/people/${id}`)
  const many = email
    ? people.filter((person) => person.email.toLowerCase() === email)
    : people.slice(place - 1, place)
  const isKnown = request.headers.authorization === `Bearer ${token}`
  const answer = one ?? (pathname === '/people' ? many : undefined)
  response.writeHead(isKnown ? (answer ? 200 : 404) : 401, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer ?? {}))
})
await new Promise<void>((resolve) => staff.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(staff.address() as AddressInfo).port}`
t.teardown(() => {
  staff.close()
  staff.closeAllConnections()
})

t.test('the upstream of docs/upstreams.md keeps every promise of an upstream', async (t) => {
  const paths = ['env', 'index', 'person'].map((name) => `upstreams/staff/${name}.ts`)
  t.same([...page.keys()].sort(), ['test/upstreams/staff.ts', list, ...paths].sort())
  const { staffChecks } = (await load('test/upstreams/staff.ts')) as {
    staffChecks: (url: string, token: string) => Check[]
  }
  const checks = staffChecks(url, token)
  t.ok(checks.length >= 90, `${checks.length} checks`)
  const broken: Record<string, string> = {}
  for (const { name, run } of checks)
    await run().catch((error: Error) => {
      broken[name] = error.stack ?? error.message
    })
  t.same(broken, {})
})

t.test('its line in the list makes it one of the settings, beside those that were there', async (t) => {
  const { loadConfig } = (await load('config.ts')) as {
    loadConfig: (env: Record<string, string>) => { upstreams: { name: string; gate: string }[] }
  }
  const env = {
    DATABASE_URL: 'postgres://127.0.0.1/people',
    FIRSTLOGIN_SECRET: 'a secret of at least thirty-two bytes',
    UPSTREAMS: 'supabase,staff',
    SUPABASE_URL: 'https://project.supabase.co',
    SUPABASE_SECRET_KEY: 'sb_secret_1',
    STAFF_URL: url,
  }
  const { upstreams } = loadConfig({ ...env, STAFF_TOKEN: token })
  t.match(upstreams, [{ name: 'staff', gate: `staff:${new URL(url).host}` }, { name: 'supabase' }])
  t.throws(() => loadConfig(env), { message: /STAFF_TOKEN is missing: the token of a reader/ })
})
