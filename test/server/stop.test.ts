import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAirtableStandIn } from '../../sandbox/airtable/stand-in.ts'
import { findProgram, root } from '../support/built.ts'
import { createClient } from '../support/clients.ts'
import { createDatabase } from '../support/database.ts'
import { ada, hasPostgres, makeWorkplace, post, run, untilTrue } from '../support/process.ts'
import { until } from '../support/until.ts'

// Many real processes, one after the other.
t.setTimeout(240_000)

const program = await findProgram()

/** The service as in production, on a database and an Airtable of the test's. */
async function startService(t: Test, command: Parameters<typeof run>[1] = program, folder?: string) {
  const home = await makeWorkplace(t)
  const { url, sql } = await createDatabase(t)
  const airtable = createAirtableStandIn({ token: 'patSandbox.token', rateLimit: false })
  t.teardown(airtable.close)
  const env = {
    HOME: home,
    NODE_ENV: 'production',
    BASE_URL: 'http://127.0.0.1:3000',
    PORT: '0',
    DATABASE_URL: url,
    FIRSTLOGIN_SECRET: 'a secret of at least thirty-two bytes',
    AIRTABLE_TOKEN: 'patSandbox.token',
    AIRTABLE_BASE_ID: airtable.baseId,
    AIRTABLE_TABLE: 'Users',
    AIRTABLE_API_URL: await airtable.listen(),
    LOGIN_RATE_PER_MINUTE: '1000000',
    LOG_LEVEL: 'info',
    READTHROUGH_DEADLINE_MS: '5000',
  }
  const service = run(t, command, { cwd: folder ?? home, env })
  const address = await service.ready
  const countConnections = async () =>
    (
      await sql`select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
      and application_name like 'firstlogin%'`
    ).length
  return { ...service, address, airtable, countConnections }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} under load cuts off no request, and ends everything`, async (t) => {
    const { process, address, airtable, ended, said, countConnections } = await startService(t)
    t.equal((await post(address, '/api/auth/login', ada)).status, 200)
    t.ok((await countConnections()) > 0)
    airtable.setFault({ kind: 'none', latencyMs: 1500 })

    const failures: unknown[] = []
    const statuses: number[] = []
    let answeredAfter = 0
    let isStopping = false
    const clients = Array.from({ length: 24 }, () => createClient(address))
    const idle = createClient(address)
    t.teardown(() => [...clients, idle].forEach((client) => client.close()))
    await idle.ask('GET', '/healthz')

    /** Asks until the server says that the connection ends. */
    async function keepAsking(client: (typeof clients)[number], index: number) {
      for (let isLast = false; !isLast; ) {
        const answer =
          index % 4 === 0
            ? await client.ask('POST', '/api/auth/login', { ...ada, email: `nobody${index}@example.com` })
            : index % 4 === 1
              ? await client.ask('POST', '/api/auth/login', ada)
              : await client.ask('GET', index % 4 === 2 ? '/healthz' : '/.well-known/jwks.json')
        isLast = answer.isLast
        statuses.push(answer.status)
        if (isStopping) answeredAfter += 1
      }
    }
    const asking = clients.map((client, index) =>
      keepAsking(client, index).catch((error: unknown) => failures.push(error)),
    )
    await until(() => airtable.calls().calls.some(({ status }) => status === 0))
    await until(() => statuses.length > clients.length)
    isStopping = true
    process.kill(signal)
    await Promise.all(asking)
    t.equal(await ended, 0)

    t.same(failures, [])
    t.same(new Set(statuses), new Set([200, 401]))
    t.ok(answeredAfter >= clients.length, 'everybody had one more answer')
    t.ok(clients.every((client) => client.connections === 1))
    t.ok(await untilTrue(() => idle.isClosed), 'the idle connection is closed')
    t.ok(
      await untilTrue(async () => (await countConnections()) === 0),
      'PostgreSQL has no connection of ours',
    )
    t.notMatch(said().out, /"level":[56]0/, 'and no error is in the log')
    const events = said()
      .out.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event?: string })
      .filter(({ event }) => event?.startsWith('service.'))
    t.match(events, [
      { event: 'service.started', address, version: /^\d+\.\d+\.\d+/ },
      { event: 'service.stopping', signal },
      { event: 'service.stopped' },
    ])
    t.equal(said().err, '')
  })
}

t.test('a connection on which nobody asks anything does not hold up the end', async (t) => {
  const { process, address, ended } = await startService(t)
  const silent = connect(Number(new URL(address).port), '127.0.0.1')
  const unfinished = connect(Number(new URL(address).port), '127.0.0.1')
  t.teardown(() => [silent, unfinished].forEach((socket) => socket.destroy()))
  await Promise.all([once(silent, 'connect'), once(unfinished, 'connect')])
  await new Promise((resolve) => unfinished.write('GET /healthz HTTP/1.1\r\nHost: x\r\n', resolve))
  process.kill('SIGTERM')
  t.equal(await ended, 0)
})

t.test('a signal to npm start ends the service, not npm alone', async (t) => {
  const { process, address, ended } = await startService(t, ['npm', 'start'], root)
  t.equal((await fetch(`${address}/readyz`)).status, 200)
  process.kill('SIGTERM')
  await ended
  const isGone = () =>
    fetch(`${address}/readyz`).then(
      () => false,
      () => true,
    )
  t.ok(await untilTrue(isGone))
})

t.test('whoever is stopped while starting leaves no PostgreSQL behind', async (t) => {
  const cwd = await makeWorkplace(t)
  const hasData = () =>
    access(join(cwd, '.data')).then(
      () => true,
      () => false,
    )
  for (const [signal, moment, isReached] of [
    ['SIGTERM', 'at once', () => true],
    ['SIGINT', 'when it makes its data', hasData],
    ['SIGHUP', 'when PostgreSQL runs', () => hasPostgres(cwd)],
    ['SIGTERM', 'when PostgreSQL runs again', () => hasPostgres(cwd)],
  ] as const) {
    const service = run(t, program, { cwd, env: { PORT: '0' } })
    await until(isReached)
    service.process.kill(signal)
    await service.ended
    t.ok(await untilTrue(() => !hasPostgres(cwd)), `${signal} ${moment}: ${service.said().err}`)
  }
  const service = run(t, program, { cwd, env: { PORT: '0' } })
  t.equal((await post(await service.ready, '/api/auth/login', ada)).status, 200, 'and it still starts')
})

t.test('after kill -9 the next start works, with everybody who was there', async (t) => {
  const cwd = await makeWorkplace(t)
  const first = run(t, program, { cwd, env: { PORT: '0' } })
  t.equal((await post(await first.ready, '/api/auth/login', ada)).status, 200)
  first.process.kill('SIGKILL')
  t.equal(await first.ended, 'SIGKILL')
  const second = run(t, program, { cwd, env: { PORT: '0', USER_READTHROUGH_FALLBACK_ENABLED: 'false' } })
  t.equal((await post(await second.ready, '/api/auth/login', ada)).status, 200)
  second.process.kill('SIGTERM')
  t.equal(await second.ended, 0)
  t.notOk(hasPostgres(cwd))
})
