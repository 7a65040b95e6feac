import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { findLeftovers } from '../../sandbox/postgres/processes.ts'
import { startPostgres } from '../../sandbox/postgres.ts'
import { ask } from '../support/ask.ts'
import {
  copyProject,
  findPostmaster,
  makeDataDir,
  makeFolder,
  type Service,
  startService,
} from '../support/postgres-project.ts'
import { until } from '../support/until.ts'

const settings = { fsync: 'off' }
const project = await makeFolder(t)
await copyProject(project, 'linked')

function remember(service: Service) {
  return ask(service.url, (sql) => sql`create table kept as select 'still here' as word`)
}

async function recall(service: Service) {
  const [row] = await ask(service.url, (sql) => sql`select word from kept`)
  return row?.['word']
}

function leftovers(service: Service) {
  return findLeftovers({ folder: service.folder ?? '', name: '?' })
}

t.test('a new cluster is UTF-8 in C.UTF-8, and lives in UTC', async (t) => {
  const server = await startPostgres({ dataDir: await makeDataDir(t), port: 0, settings })
  t.teardown(server.stop)
  const [row] = await ask(
    server.url,
    (sql) => sql`
      select current_setting('server_version_num')::int / 10000 as version,
        current_setting('server_encoding') as encoding, current_setting('timezone') as timezone,
        current_setting('max_connections')::int as connections, datlocale as locale, lower('ÀÉ') as lower
      from pg_database where datname = current_database()`,
  )
  t.same(row, {
    version: 18,
    encoding: 'UTF8',
    timezone: 'UTC',
    connections: 200,
    locale: 'C.UTF-8',
    lower: 'àé',
  })
})

t.test('the database is reached on 127.0.0.1 only, and with its random password only', async (t) => {
  const dataDir = await makeDataDir(t)
  const server = await startPostgres({ dataDir, port: 0, settings })
  t.teardown(server.stop)
  const [row] = await ask(
    server.url,
    (sql) => sql`select current_setting('listen_addresses') as addresses,
      current_setting('unix_socket_directories') as sockets, rolpassword like 'SCRAM-SHA-256$%' as scram
      from pg_authid where rolname = current_user`,
  )
  t.same(row, { addresses: '127.0.0.1', sockets: '', scram: true })
  const wrong = new URL(server.url)
  wrong.password = 'guessed'
  await t.rejects(
    ask(wrong.href, (sql) => sql`select 1`),
    { code: '28P01' },
  )
  t.equal((await stat(join(dataDir, 'password'))).mode & 0o777, 0o600)
})

t.test('a second start finds the data and the password of the first', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await startService(t, project, { dataDir })
  await remember(first)
  first.process.kill('SIGTERM')
  await first.ended
  const second = await startService(t, project, { dataDir })
  t.equal(await recall(second), 'still here')
  t.equal(new URL(second.url ?? '').password, new URL(first.url ?? '').password)
})

t.test('after kill -9 of the service, the next start stops the PostgreSQL that it left behind', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await startService(t, project, { dataDir })
  await remember(first)
  const orphan = findPostmaster(first)
  first.process.kill('SIGKILL')
  await first.ended
  t.equal(findPostmaster(first), orphan, 'PostgreSQL survived its service')
  const second = await startService(t, project, { dataDir })
  t.equal(await recall(second), 'still here')
  t.match(second.said(), 'an earlier run had left behind')
  t.not(findPostmaster(second), orphan)
})

t.test(
  'after kill -9 of PostgreSQL under load, the service says so and the next start recovers',
  async (t) => {
    const dataDir = await makeDataDir(t)
    const first = await startService(t, project, { dataDir })
    await remember(first)
    const busy = ask(first.url, (sql) => sql`select pg_sleep(3600)`).catch(() => 'broken off')
    await until(async () => {
      const rows = await ask(
        first.url,
        (sql) => sql`select from pg_stat_activity where query ~ '^select pg_sleep' and state = 'active'`,
      )
      return rows.length > 0
    })
    process.kill(findPostmaster(first) ?? 0, 'SIGKILL')
    await until(() => first.said().includes('PostgreSQL ended unexpectedly (SIGKILL'))
    first.process.kill('SIGKILL')
    await first.ended
    const second = await startService(t, project, { dataDir })
    t.equal(second.error, undefined)
    t.equal(await recall(second), 'still here')
    t.equal(await busy, 'broken off')
  },
)

t.test('an initdb that was killed leaves nothing that the next start would take for a cluster', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = startService(t, project, { dataDir }).catch(() => undefined)
  await until(async () =>
    (await readdir(dataDir).catch(() => [])).some((name) => name.startsWith('unfinished-')),
  )
  process.kill(Number.parseInt(await readFile(join(dataDir, 'locks', '1'), 'utf8'), 10), 'SIGKILL')
  await first
  const second = await startService(t, project, { dataDir })
  t.equal(second.error, undefined)
  t.same(
    (await readdir(dataDir)).filter((name) => name.startsWith('unfinished-')),
    [],
  )
})

t.test('of services started at once on one folder exactly one runs, and the others name it', async (t) => {
  const dataDir = await makeDataDir(t)
  const services = await Promise.all([1, 2, 3].map(() => startService(t, project, { dataDir })))
  const running = services.filter((service) => service.url)
  t.equal(running.length, 1)
  const refused = services.filter((service) => service.error)
  t.equal(refused.length, 2)
  for (const { error } of refused) t.match(error, `is in use by process ${running[0]?.process.pid}`)
})

t.test('a service that lives keeps its database when another one is started on its folder', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await startService(t, project, { dataDir })
  await remember(first)
  const second = await startService(t, project, { dataDir })
  t.match(second.error, `${dataDir} is in use by process ${first.process.pid}`)
  t.equal(await recall(first), 'still here')
  await t.rejects(startPostgres({ dataDir, port: 0 }), /is in use by process/)
})

t.test('no PostgreSQL outlives a service that stops it, or that ends without stopping it', async (t) => {
  const dataDir = await makeDataDir(t)
  for (const signal of ['SIGTERM', 'SIGUSR2'] as const) {
    const service = await startService(t, project, { dataDir })
    t.ok(findPostmaster(service))
    service.process.kill(signal)
    await service.ended
    await until(() => leftovers(service).length === 0)
    t.pass(signal)
  }
})

t.test('stop may be called twice, and the same process may start again', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await startPostgres({ dataDir, port: 0, settings })
  await t.rejects(
    startPostgres({ dataDir, port: 0, settings }),
    new RegExp(`is in use by process ${process.pid}`),
  )
  await Promise.all([first.stop(), first.stop()])
  const second = await startPostgres({ dataDir, port: 0, settings })
  await second.stop()
  t.same(await readdir(join(dataDir, 'locks')), ['2'])
})

t.test('a taken port is refused by number when insisted on, and passed over otherwise', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await startPostgres({ dataDir: await makeDataDir(t), settings })
  t.teardown(first.stop)
  const insisting = startPostgres({ dataDir, port: first.port, settings })
  await t.rejects(insisting, new RegExp(`Port ${first.port} on 127.0.0.1 is taken`))
  const second = await startPostgres({ dataDir, settings })
  t.teardown(second.stop)
  t.not(second.port, first.port)
})

t.test('a port that is taken by a listener on all addresses counts as taken', async (t) => {
  const listener = createServer().listen(0, '0.0.0.0')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const address = listener.address()
  const port = address && typeof address === 'object' ? address.port : 0
  await t.rejects(startPostgres({ dataDir: await makeDataDir(t), port, settings }), /is taken/)
})
