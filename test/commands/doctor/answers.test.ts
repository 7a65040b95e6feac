import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { explainConnection } from '../../../commands/doctor/check.ts'
import { loadConfig } from '../../../config.ts'
import { runCommand } from '../../support/commands.ts'
import { createEmptyDatabase } from '../../support/database.ts'
import { createRedisStandIn } from '../../support/redis.ts'
import { createWorld } from '../../support/service.ts'

const world = await createWorld(t, { rateLimit: false })

/** The line about one thing; nothing that doctor prints holds a secret. */
async function ask(t: Test, name: string, env: Record<string, string> = {}, standIns?: ReadonlySet<string>) {
  const { code, lines } = await runCommand(world, ['doctor'], env, () => {}, standIns)
  for (const secret of ['patSandbox', 'patWrong', 'secret-word', world.env()['FIRSTLOGIN_SECRET'] ?? ''])
    t.notMatch(lines.join('\n'), secret)
  const found = lines.filter((line) => line.slice(6).startsWith(`${name}:`))
  t.equal(found.length, 1, lines.join('\n'))
  return { code, line: found[0] ?? '', lines }
}

t.test('empty database: nothing fails, and doctor says when migrations run', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const { code, line } = await ask(t, 'migrations', { DATABASE_URL: url })
  t.equal(code, 0)
  t.equal(line, 'ok    migrations: none yet; they run at the first start, or with `firstlogin migrate`')
})

t.test('a database of an older version, and of a newer one', async (t) => {
  const [newest] = await world.sql`
    delete from firstlogin.migrations where version = (select max(version) from firstlogin.migrations) returning *`
  t.match((await ask(t, 'migrations')).line, /^FAIL .*1 of \d+ are missing: run `firstlogin migrate`/)
  await world.sql`insert into firstlogin.migrations ${world.sql(newest ?? {})}`
  await world.sql`insert into firstlogin.migrations (version, name, checksum) values (9999, 'x', 'x')`
  t.match((await ask(t, 'migrations')).line, /^FAIL .*newer firstlogin: install that version/)
  await world.sql`delete from firstlogin.migrations where version = 9999`
})

t.test('token: AIRTABLE_TOKEN is refused; where to make one, which scopes', async (t) => {
  const { code, line } = await ask(t, 'airtable', { AIRTABLE_TOKEN: 'patWrong.token' })
  t.equal(code, 1)
  t.match(line, /^FAIL .*AIRTABLE_TOKEN is refused: .*airtable\.com\/create\/tokens .*data\.records:read/)
})

t.test('base or table: which of the two settings, and that the token needs access', async (t) => {
  const table = await ask(t, 'airtable', { AIRTABLE_TABLE: 'Userz' })
  t.match(table.line, /^FAIL .*AIRTABLE_TABLE: the base \S+ has no table "Userz"; it has "Users"/)
  const base = await ask(t, 'airtable', { AIRTABLE_BASE_ID: 'appNoSuchBase0001' })
  t.match(
    base.line,
    /^FAIL .*AIRTABLE_BASE_ID \(appNoSuchBase0001\) or AIRTABLE_TABLE .*give it access to the base/,
  )
})

// https://github.com/Airtable/airtable.js/issues/422: the name of the base in the place of the table's, and the answer
// speaks of authorization alone. https://github.com/uppinote20/obsidian-auto-note-importer/issues/5: a missing scope does, too.
t.test('a 403 of another type, and one of a token that may see the table and not read it', async (t) => {
  const upstream = loadConfig(world.env()).upstreams[0]
  const explain = async (tables: string[] | undefined) =>
    upstream?.explain?.(
      { status: 403, headers: {}, body: '{"error":{"type":"NOT_AUTHORIZED"}}' },
      async () =>
        tables
          ? {
              status: 200,
              headers: {},
              body: JSON.stringify({ tables: tables.map((name) => ({ id: 'tbl', name, fields: [] })) }),
            }
          : { status: 403, headers: {}, body: '' },
    )
  t.match(await explain(['People']), /AIRTABLE_TABLE: .* no table "Users"; it has "People"/)
  t.match(await explain(['Users']), /AIRTABLE_TOKEN .* scope data\.records:read/)
  t.match(await explain(undefined), /AIRTABLE_BASE_ID .* or AIRTABLE_TABLE .*give it access/)
})

t.test('column: which column of AIRTABLE_FIELDS; the columns that there are', async (t) => {
  const fields = { AIRTABLE_FIELDS: '{"email":"Email","role":"Rolle"}' }
  const { line } = await ask(t, 'airtable', fields)
  t.match(line, /^FAIL .*AIRTABLE_FIELDS: the table has no column "Rolle"; it has .*"Email".*"Role"/)
})

t.test(
  'host down, name unknown, no answer: refused, not resolved, timed out, and which address',
  async (t) => {
    const refused = await ask(t, 'airtable', { AIRTABLE_API_URL: 'http://127.0.0.1:1' })
    t.match(refused.line, /^FAIL .*AIRTABLE_API_URL: http:\/\/127\.0\.0\.1:1 refuses connections: start/)
    const unknown = await ask(t, 'airtable', { AIRTABLE_API_URL: 'http://nowhere.invalid' })
    t.match(
      unknown.line,
      /^FAIL .*AIRTABLE_API_URL: the host name of http:\/\/nowhere\.invalid is not resolved/,
    )
    t.match(
      explainConnection('ETIMEDOUT', 'https://api.example.com'),
      /^https:\S+ does not answer in time: check/,
    )
    t.match(explainConnection('SELF_SIGNED_CERT_IN_CHAIN', 'https://api.example.com'), /NODE_EXTRA_CA_CERTS/)
  },
)

t.test('database down: once, with the host and the port of DATABASE_URL, without its password', async (t) => {
  const { code, line, lines } = await ask(t, 'database', {
    DATABASE_URL: 'postgres://somebody:secret-word@127.0.0.1:1/none',
  })
  t.equal(code, 1)
  t.match(line, /^FAIL .*DATABASE_URL: 127\.0\.0\.1:1 refuses connections: start the server there/)
  t.equal(lines.filter((each) => each.startsWith('FAIL')).length, 1)
  t.match(lines.join('\n'), /^ok +airtable: answers$/m, 'the rest is looked at all the same')
})

// https://github.com/brianc/node-postgres/issues/3312: a name with several addresses gave an error without a message.
t.test('a database down behind a name with several addresses', async (t) => {
  const { line } = await ask(t, 'database', { DATABASE_URL: 'postgres://somebody@localhost:1/none' })
  t.match(line, /^FAIL .*DATABASE_URL: localhost:1 refuses connections/)
})

t.test('a database or a user that PostgreSQL does not have', async (t) => {
  const url = new URL(world.url)
  url.pathname = '/no_such_database'
  const missing = await ask(t, 'database', { DATABASE_URL: url.href })
  t.match(missing.line, /DATABASE_URL: there is no database "no_such_database": run `createdb/)
  url.password = 'secret-word'
  url.username = 'nobody'
  t.match((await ask(t, 'database', { DATABASE_URL: url.href })).line, /DATABASE_URL: .*"nobody"/)
})

t.test('DATABASE_URL forgotten: the embedded one answers, because DATABASE_URL is not set', async (t) => {
  const { line } = await ask(t, 'database', {}, new Set(['DATABASE_URL', 'AIRTABLE_TOKEN']))
  t.match(line, /^ok .*PostgreSQL \S+, the embedded one, because DATABASE_URL is not set$/)
  const airtable = await ask(t, 'airtable', {}, new Set(['AIRTABLE_TOKEN']))
  t.match(airtable.line, /^ok .*answers: the stand-in, because AIRTABLE_TOKEN is not set$/)
})

t.test(
  'FIRSTLOGIN_SECRET another than before: what happens to sessions, how to rotate on purpose',
  async (t) => {
    const { app } = await world.start()
    await app.close()
    const { code, line } = await ask(t, 'signing keys', { FIRSTLOGIN_SECRET: randomUUID() })
    t.equal(code, 1)
    t.match(
      line,
      /^FAIL .*FIRSTLOGIN_SECRET .*set the former value again.*without ending sessions.*docs\/operations\.md.*every session ends/,
    )
    t.match((await ask(t, 'signing keys')).line, /^ok .*opened with FIRSTLOGIN_SECRET/)
  },
)

t.test('Redis down: REDIS_URL does not count; limits are per instance until it does', async (t) => {
  const redis = await createRedisStandIn(t)
  t.match((await ask(t, 'redis', { REDIS_URL: redis.url })).line, /^ok /)
  redis.setFault('out of memory')
  t.match((await ask(t, 'redis', { REDIS_URL: redis.url })).line, /^FAIL .*REDIS_URL .*OOM.*more memory/)
  await redis.stop()
  const { code, line } = await ask(t, 'redis', { REDIS_URL: redis.url.replace('//', '//:secret-word@') })
  t.equal(code, 1)
  t.match(
    line,
    /^FAIL .*REDIS_URL \(127\.0\.0\.1:\d+\) does not count .*limits are per instance until it does; start it/,
  )
})

t.test('a wrong value: not valid, with the name and what it should look like', async (t) => {
  await t.rejects(runCommand(world, ['doctor'], { PORT: 'http' }), {
    message: 'The settings are not valid:\n  - PORT must be a port number',
  })
})

t.test('with --json the checks are one line, with names and states', async (t) => {
  const { lines } = await runCommand(world, ['doctor', '--json'])
  const { checks } = JSON.parse(lines.join('\n'))
  t.match(checks[0], { name: 'database', state: 'ok', detail: /^PostgreSQL/ })
  t.equal(lines.length, 1)
})
