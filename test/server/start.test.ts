import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { findPort } from '../../sandbox/postgres/port.ts'
import { ask } from '../support/ask.ts'
import { findProgram } from '../support/built.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { ada, hasPostgres, makeWorkplace, post, run, runToEnd } from '../support/process.ts'

// Many real processes, one after the other.
t.setTimeout(240_000)

const program = await findProgram()

/** A `curl` that is there on every machine: the shell reads the pasted text, this makes the request. */
const curl = `
const [flag, url, , header, , body] = process.argv.slice(2)
const [name, value] = header.split(': ')
if (flag !== '-s') throw new Error(flag)
const reply = await fetch(url, { method: 'POST', headers: { [name]: value }, body })
process.stdout.write(await reply.text())
`

async function occupy(t: Test, port: number) {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
}

t.test(
  'with no settings at all the service starts, and the login in its banner works as pasted',
  async (t) => {
    const cwd = await makeWorkplace(t)
    const first = run(t, program, { cwd, env: { PORT: '0' } })
    const address = await first.ready
    const banner = first.said().out.replaceAll(/^\{.*\n/gm, '')

    const pasted = /curl -s http[^]*?'\n\n/.exec(`${banner}\n\n`)?.[0] ?? ''
    await writeFile(join(cwd, 'curl.mjs'), curl)
    const script = `curl() { "${process.execPath}" curl.mjs "$@"; }\n${pasted}`
    const { stdout } = await promisify(execFile)('sh', ['-c', script], { cwd })
    t.match(JSON.parse(stdout), { tokenType: 'Bearer', user: { email: 'ada@example.com' } })

    await t.test('every address in the banner answers', async (t) => {
      const urls = new Set(banner.match(/http:\/\/\S+/g))
      t.ok(urls.size >= 6, [...urls].join(' '))
      for (const url of urls) {
        if (url === address || url.endsWith('/login')) continue
        const { status } = await fetch(url, { headers: { authorization: 'Bearer patSandbox.token' } })
        t.equal(status, 200, url)
      }
      const database = /postgres:\/\/\S+/.exec(banner)?.[0]
      t.same(await ask(database, (sql) => sql`select count(*)::int as people from firstlogin.users`), [
        { people: 1 },
      ])
    })

    await t.test('the next start finds the people of the first', async (t) => {
      first.process.kill('SIGTERM')
      t.equal(await first.ended, 0)
      t.notOk(hasPostgres(cwd))
      const second = run(t, program, { cwd, env: { PORT: '0', USER_READTHROUGH_FALLBACK_ENABLED: 'false' } })
      t.equal((await post(await second.ready, '/api/auth/login', ada)).status, 200)
      t.equal((await readFile(join(cwd, '.data/secret'), 'utf8')).length, 43)
      second.process.kill('SIGTERM')
      t.equal(await second.ended, 0)
    })
  },
)

t.test('a port that is taken is named in one sentence, and no PostgreSQL stays behind', async (t) => {
  const cwd = await makeWorkplace(t)
  const port = await findPort(0)
  await occupy(t, port)
  const { code, out, err } = await runToEnd(t, program, { cwd, env: { PORT: String(port) } })
  t.equal(code, 1)
  t.match(err, new RegExp(`address already in use 127.0.0.1:${port}. Set PORT to a free one.\n$`))
  t.notMatch(out, 'is ready')
  t.notOk(hasPostgres(cwd))
})

t.test('a folder that another service uses is named, with its process', async (t) => {
  const cwd = await makeWorkplace(t)
  const first = run(t, program, { cwd, env: { PORT: '0' } })
  const address = await first.ready
  const { code, err } = await runToEnd(t, program, { cwd, env: { PORT: '0' } })
  t.equal(code, 1)
  t.match(err, new RegExp(`^The database folder ${cwd}/.data/postgres is in use by process ${first.pid}: `))
  t.equal((await post(address, '/api/auth/login', ada)).status, 200, 'and the first one goes on')
})

t.test('each setting is replaced by itself, and the banner names what was', async (t) => {
  const cwd = await makeWorkplace(t)
  const { url, sql } = await createEmptyDatabase(t)
  const port = await findPort(0)
  if (port < 65_535) await occupy(t, port + 1)
  const withDatabase = run(t, program, { cwd, env: { PORT: String(port), DATABASE_URL: url } })
  const address = await withDatabase.ready
  const { out } = withDatabase.said()
  t.notMatch(out, /PostgreSQL +postgres:/)
  t.notMatch(out, url)
  const standIn = /Airtable +(http:\/\/127.0.0.1:(\d+))/.exec(out)
  t.not(Number(standIn?.[2]), port + 1, 'the port after its own is taken: another one')
  t.equal((await post(address, '/api/auth/login', ada)).status, 200)
  t.equal((await sql`select 1 from firstlogin.users`).length, 1)
  t.notOk(hasPostgres(cwd))

  const withAirtable = run(t, program, {
    cwd: await makeWorkplace(t),
    env: {
      PORT: '0',
      AIRTABLE_TOKEN: 'patSandbox.token',
      AIRTABLE_BASE_ID: 'appSandboxBase001',
      AIRTABLE_TABLE: 'Users',
      AIRTABLE_API_URL: standIn?.[1] ?? '',
    },
  })
  t.equal((await post(await withAirtable.ready, '/api/auth/login', ada)).status, 200)
  t.match(withAirtable.said().out, /PostgreSQL +postgres:/)
  t.notMatch(withAirtable.said().out, 'stand-in')
  t.notMatch(withAirtable.said().out, 'curl', 'nobody knows who is in a real Airtable')
})

t.test('with NODE_ENV=production everything missing or wrong is named at once, without values', async (t) => {
  const cwd = await makeWorkplace(t)
  const nothing = await runToEnd(t, program, { cwd, env: { NODE_ENV: 'production' } })
  t.equal(nothing.code, 1)
  t.equal(nothing.out, '')
  for (const name of [
    'BASE_URL',
    'DATABASE_URL',
    'FIRSTLOGIN_SECRET',
    'AIRTABLE_TOKEN',
    'AIRTABLE_BASE_ID',
    'AIRTABLE_TABLE',
  ])
    t.match(nothing.err, `  - ${name} is missing: `)
  t.notMatch(nothing.err, /^ +at /m, 'no stack')
  await t.rejects(access(join(cwd, '.data')), 'and nothing is made up')

  const wrong = {
    DATABASE_URL: 'mysql://hidden',
    FIRSTLOGIN_SECRET: 'hidden',
    PORT: 'hidden',
    AIRTABLE_TOKEN: 'hidden',
  }
  const { code, err } = await runToEnd(t, program, { cwd, env: { NODE_ENV: 'production', ...wrong } })
  t.equal(code, 1)
  for (const name of [
    'DATABASE_URL must be',
    'FIRSTLOGIN_SECRET must be',
    'PORT must be',
    'AIRTABLE_TABLE is missing',
  ])
    t.match(err, `  - ${name}`)
  t.notMatch(err, 'hidden')
})

t.test('a database that cannot be reached is named in one sentence', async (t) => {
  const env = {
    NODE_ENV: 'production',
    BASE_URL: 'http://127.0.0.1:3000',
    DATABASE_URL: `postgres://user:hidden@127.0.0.1:${await findPort(0)}/none`,
    FIRSTLOGIN_SECRET: 'a secret of at least thirty-two bytes',
    AIRTABLE_TOKEN: 'hidden',
    AIRTABLE_BASE_ID: 'appSandboxBase001',
    AIRTABLE_TABLE: 'Users',
  }
  const { code, err } = await runToEnd(t, program, { cwd: await makeWorkplace(t), env })
  t.equal(code, 1)
  t.match(err, /^firstlogin cannot go on: connect ECONNREFUSED 127.0.0.1:\d+\n$/)
})

t.test('two instances that start at once on one empty database both become ready', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const cwd = await makeWorkplace(t)
  const instances = [1, 2].map(() => run(t, program, { cwd, env: { PORT: '0', DATABASE_URL: url } }))
  for (const { ready } of instances) {
    const address = await ready
    t.equal((await fetch(`${address}/readyz`)).status, 200)
    t.equal((await post(address, '/api/auth/login', ada)).status, 200)
  }
})
