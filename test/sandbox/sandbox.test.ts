import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { joinSandbox, startSandbox } from '../../sandbox/sandbox.ts'
import { findSecret } from '../../sandbox/secret.ts'
import { ask } from '../support/ask.ts'
import { makeWorkplace } from '../support/process.ts'

const airtable = {
  AIRTABLE_TOKEN: 'pat',
  AIRTABLE_BASE_ID: 'appXXXXXXXXXXXXXX',
  AIRTABLE_TABLE: 'Users',
  AIRTABLE_API_URL: 'http://127.0.0.1:1',
}
const own = {
  DATABASE_URL: 'postgres://own',
  FIRSTLOGIN_SECRET: 'own',
  BASE_URL: 'http://localhost:1',
  PORT: '0',
}

async function start(t: Test, env: Record<string, string>) {
  const dataDir = join(await makeWorkplace(t), '.data')
  const sandbox = await startSandbox(env, dataDir)
  t.teardown(sandbox.stop)
  return { ...sandbox, dataDir, text: sandbox.lines.join('\n') }
}

t.test('what is configured is left alone, and everything else gets its stand-in', async (t) => {
  const nothing = await start(t, { PORT: '0' })
  t.match(nothing.text, /PostgreSQL +postgres:.*\nAirtable +http:[^]*mailbox/)
  t.match(nothing.env, {
    AIRTABLE_BASE_ID: 'appSandboxBase001',
    AIRTABLE_TABLE: 'Users',
    FIRSTLOGIN_SECRET: /^.{43}$/,
  })
  t.same(await ask(nothing.env['DATABASE_URL'], (sql) => sql`select 1 as one`), [{ one: 1 }])
  t.equal(nothing.env['BASE_URL'], `http://127.0.0.1:${nothing.env['PORT']}`)
  t.equal(nothing.login?.email, 'ada@example.com')

  const everything = await start(t, { ...own, ...airtable })
  t.match(everything.env, { ...airtable, ...own, PORT: String })
  t.same(everything.lines, [])
  t.equal(everything.login, undefined)
  await t.rejects(readdir(everything.dataDir), { code: 'ENOENT' }, 'and nothing is written')

  const onlyAirtable = await start(t, airtable)
  t.match(onlyAirtable.env, airtable)
  t.match(onlyAirtable.text, /^PostgreSQL /)
  t.notMatch(onlyAirtable.text, 'stand-in')
})

t.test('a setting that comes as a file is configured, and one that is empty is not', async (t) => {
  const { AIRTABLE_TOKEN: _, ...rest } = { ...own, ...airtable }
  const fromFile = await start(t, {
    ...rest,
    AIRTABLE_TOKEN_FILE: '/run/secrets/token',
    FIRSTLOGIN_SECRET: '',
  })
  t.same(fromFile.lines, [])
  t.notOk(fromFile.env['AIRTABLE_TOKEN'])
  t.match(fromFile.env['FIRSTLOGIN_SECRET'], /^.{43}$/)
})

t.test(
  'an Airtable of which a part is configured gets no stand-in: what is missing is for the owner to say',
  async (t) => {
    const { env, lines } = await start(t, { ...own, AIRTABLE_TOKEN: 'pat' })
    t.same(lines, [])
    t.notOk(env['AIRTABLE_BASE_ID'])
  },
)

t.test(
  'each vendor in UPSTREAMS that is not configured gets its stand-in, and settings that fit it',
  async (t) => {
    const { DATABASE_URL } = own
    const base = {
      DATABASE_URL,
      FIRSTLOGIN_SECRET: 'own '.repeat(10),
      PORT: '0',
    }
    const all = await start(t, { ...base, UPSTREAMS: 'clerk,frontegg, supabase' })
    t.notMatch(all.text, /Airtable/)
    t.match(all.text, /Clerk +http[^]*Frontegg +http[^]*Supabase +http/)
    t.same(
      loadConfig(all.env).upstreams.map(({ name }) => name),
      ['clerk', 'frontegg', 'supabase'],
    )
    const keys = await fetch(`${all.env['CLERK_ISSUER']}/.well-known/jwks.json`)
    t.match(await keys.json(), { keys: [{ kty: 'RSA' }] })

    const ownClerk = await start(t, { ...base, UPSTREAMS: 'clerk', CLERK_SECRET_KEY: 'sk_live_own' })
    t.same(ownClerk.lines, [])
    t.notOk(ownClerk.env['CLERK_ISSUER'])
  },
)

t.test(
  'the stand-in takes the port after the service’s, or the next free one, even at the end',
  async (t) => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    t.teardown(() => blocker.close())
    const address = blocker.address()
    const taken = address && typeof address === 'object' ? address.port : 0
    const { env } = await start(t, { ...own, PORT: String(taken - 1) })
    const port = Number(new URL(env['AIRTABLE_API_URL'] ?? '').port)
    t.ok(port > taken && port < taken + 20, `${port} after ${taken}`)
    const last = await start(t, { ...own, PORT: '65535' })
    t.equal((await fetch(`${last.env['AIRTABLE_API_URL']}/__mailbox`)).status, 200)
  },
)

t.test('the secret is made once, readable to its owner alone, also when many start at once', async (t) => {
  const folder = await makeWorkplace(t)
  const secrets = await Promise.all(Array.from({ length: 20 }, () => findSecret(folder)))
  t.equal(new Set(secrets).size, 1)
  t.same(await readdir(folder), ['secret'])
  t.equal((await stat(join(folder, 'secret'))).mode & 0o777, 0o600)
})

t.test('a chore uses the sandbox that runs, in place of settings that it has not got itself', async (t) => {
  const running = await start(t, { ...airtable, DATABASE_URL: 'postgres://own', PORT: '0' })
  t.equal((await stat(join(running.dataDir, 'running.json'))).mode & 0o777, 0o600)
  const joined = await joinSandbox({ BASE_URL: 'https://mine' }, running.dataDir)
  t.equal(joined.env['FIRSTLOGIN_SECRET'], running.env['FIRSTLOGIN_SECRET'])
  t.equal(joined.env['BASE_URL'], 'https://mine')
  await running.stop()
  await t.rejects(readFile(join(running.dataDir, 'running.json')), { code: 'ENOENT' })
})

t.test('what a process that is gone had made up is not used', async (t) => {
  const running = await start(t, { ...airtable, DATABASE_URL: 'postgres://own', PORT: '0' })
  const file = join(running.dataDir, 'running.json')
  const settings = { FIRSTLOGIN_SECRET: 'old' }
  for (const left of [{ pid: process.pid, birth: 'before the restart', settings }, { pid: 'none' }]) {
    await writeFile(file, JSON.stringify(left))
    const { FIRSTLOGIN_SECRET: _, ...rest } = { ...own, ...airtable }
    const joined = await joinSandbox(rest, running.dataDir)
    t.teardown(joined.stop)
    t.equal(joined.env['FIRSTLOGIN_SECRET'], running.env['FIRSTLOGIN_SECRET'], 'but the one in the folder')
  }
})

t.test('what was started is stopped when something else cannot start', async (t) => {
  const first = await start(t, { ...airtable, PORT: '0' })
  await t.rejects(startSandbox({ PORT: '0' }, first.dataDir), { message: /is in use by process/ })
  t.same(await ask(first.env['DATABASE_URL'], (sql) => sql`select 1 as one`), [{ one: 1 }])
})
