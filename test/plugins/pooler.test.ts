import { hash } from '@node-rs/argon2'
import postgres from 'postgres'
import t from 'tap'
import { verifyConnections } from '../../db/echo.ts'
import { createClient, isProblem } from '../routes/auth/client.ts'
import { runCommand } from '../support/commands.ts'
import { createDatabase } from '../support/database.ts'
import { send, syncOn, toEvent } from '../support/events.ts'
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { createProxy } from '../support/proxy.ts'
import { createWorld } from '../support/service.ts'
import { until } from '../support/until.ts'

const refusal = /^DATABASE_URL leads through a pooler in transaction mode, .*pool_mode = session\)\.$/
const skip = (await hasPgBouncer()) ? false : 'PgBouncer is not installed'

/** As a pooler in transaction mode does it: what one listens for is lost, and no error says so. Of the same length. */
function loseListen(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  return Buffer.from(text.replace('listen firstlogin_echo', "select 'rstlogin_echo'"), 'latin1')
}

// https://github.com/brianc/node-postgres/issues/1543, https://github.com/freifunkMUC/wg-access-server/issues/151:
// LISTEN through PgBouncer in transaction mode succeeds, and nothing ever arrives.
t.test('a database where an invalidation sent to oneself does not arrive is refused', async (t) => {
  const { url } = await createDatabase(t)
  const wire = await createProxy(t, url, loseListen)
  const sql = postgres(wire.url, { max: 2, fetch_types: false })
  t.teardown(() => sql.end())
  await t.rejects(verifyConnections(sql, 200), { message: refusal })
})

t.test(
  'an instance whose pooler changes its mode is not ready, says why, and answers nothing from memory',
  async (t) => {
    const world = await createWorld(t)
    let isLost = false
    const wire = await createProxy(t, world.url, (bytes) => (isLost ? loseListen(bytes) : bytes))
    const service = await world.start({ DATABASE_URL: wire.url })
    const { app } = service
    isLost = true
    await wire.cut()
    await wire.mend()
    const pooler = /DATABASE_URL leads through a pooler in transaction mode/
    const reply = await until(async () => {
      const ready = await app.inject('/readyz')
      return pooler.test(ready.body) && ready
    })
    isProblem(t, reply, 'FL_NOT_READY')
    t.ok(service.log.some(({ event }) => event === 'notices.lost'))
    isLost = false
    await until(async () => (await app.inject('/readyz')).statusCode === 200)
  },
)

t.test('PgBouncer in transaction mode: the start is refused in one sentence', { skip }, async (t) => {
  const world = await createWorld(t)
  const url = await startPgBouncer(t, world.url, 'transaction')
  await t.rejects(world.start({ DATABASE_URL: url }), { message: refusal })
  const { code, lines } = await runCommand(world, ['doctor'], { DATABASE_URL: url })
  t.equal(code, 1)
  t.match(lines[0], /^FAIL +database: DATABASE_URL leads through a pooler in transaction mode/)
})

t.test('PgBouncer in session mode: a session ends with its user on every instance', { skip }, async (t) => {
  const world = await createWorld(t)
  const url = await startPgBouncer(t, world.url, 'session')
  const env = { ...syncOn, DATABASE_URL: url, DATABASE_POOL: '4' }
  const [one, two] = [await world.start(env), await world.start(env)]
  const passwordHash = await hash('correct horse', { memoryCost: 64, timeCost: 1, parallelism: 1 })
  await send(one, toEvent({ user: { passwordHash } }))
  const { accessToken } = (await one.login('mary@example.com', 'correct horse')).json()
  const clients = [createClient(one.app), createClient(two.app)]
  for (const { me } of clients) t.equal((await me(accessToken)).statusCode, 200)
  const occurredAt = '2026-11-20T11:00:00.000Z'
  await send(two, toEvent({ eventType: 'user.updated', occurredAt, user: { status: 'disabled' } }))
  await until(async () => {
    const replies = await Promise.all(clients.map(({ me }) => me(accessToken)))
    return replies.every(({ statusCode }) => statusCode === 401)
  })
})

t.test('an instance takes DATABASE_POOL connections, and one each for jobs and invalidations', async (t) => {
  const world = await createWorld(t)
  const { login } = await world.start({ DATABASE_POOL: '2' })
  await Promise.all(Array.from({ length: 12 }, () => login('ada@example.com', 'analytical-engine')))
  const rows = await world.sql`
    select application_name as name, count(*)::int from pg_stat_activity
    where datname = current_database() and application_name like 'firstlogin%' group by 1 order by 1`
  t.same(
    [...rows],
    [
      { name: 'firstlogin', count: 2 },
      { name: 'firstlogin-notices', count: 1 },
    ],
  )
})
