import { randomUUID } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import t from 'tap'
import { createClient, isProblem } from '../routes/auth/client.ts'
import { ask } from '../support/ask.ts'
import { send, syncOn, toEvent } from '../support/events.ts'
import { untilTrue } from '../support/process.ts'
import { createWorld, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'

const count = 100
const password = 'correct horse battery staple'
const email = 'mary@example.com'

/** Events about Mary, each a second newer than the one before, told to one instance. */
async function createTeller(service: Service) {
  const passwordHash = await hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 })
  let at = Date.UTC(2026, 10, 20)
  return async function tell(user: object): Promise<string> {
    at += 1000
    const occurredAt = new Date(at).toISOString()
    const event = toEvent({ eventType: 'user.updated', occurredAt, user: { email, passwordHash, ...user } })
    return (await send(service, event)).json().result
  }
}

t.test(
  `"An event's effect is visible to login on a second instance": each of ${count}, by a notification`,
  { timeout: 300_000 },
  async (t) => {
    const world = await createWorld(t)
    const [first, second] = await Promise.all([world.start(syncOn), world.start(syncOn)])
    const tell = await createTeller(first)
    const { me } = createClient(second.app)
    const login = () => second.login(email, password)
    await tell({ name: 'Mary', status: 'active' })
    let token = (await login()).json().accessToken
    t.match((await me(token)).json().user, { name: 'Mary' })

    for (let index = 0; index < count; index += 1) {
      const isEnding = index % 40 === 39
      const user = isEnding
        ? { name: 'Mary', status: 'disabled' }
        : { name: `Mary ${index}`, status: 'active' }
      if ((await tell(user)) !== 'processed') t.fail(`event ${index}`)
      await until(async () => {
        const reply = await me(token)
        return isEnding ? reply.statusCode === 401 : reply.json().user?.name === user.name
      })
      if (!isEnding) continue
      isProblem(t, await login(), 'FL_ACCOUNT_INACTIVE')
      await tell({ name: 'Mary', status: 'active' })
      const back = await login()
      t.equal(back.statusCode, 200, 'and login sees that she is back')
      token = back.json().accessToken
    }
  },
)

t.test(
  '"An applied event ends negative-cache entries and cached state on all instances at once"',
  async (t) => {
    const world = await createWorld(t)
    const instances = await Promise.all([world.start(syncOn), world.start(syncOn), world.start(syncOn)])
    const [first] = instances
    if (!first) return
    const tell = await createTeller(first)
    const asked = () => world.airtable.calls().total
    for (const service of instances)
      isProblem(t, await service.login(email, password), 'FL_CREDENTIALS_INVALID')
    const before = asked()
    for (const service of instances)
      isProblem(t, await service.login(email, password), 'FL_CREDENTIALS_INVALID')
    t.equal(asked(), before, 'nobody is asked again about an address that nobody knew')

    t.equal(await tell({ status: 'active' }), 'processed')
    const tokens: string[] = []
    for (const service of instances) {
      const reply = await service.login(email, password)
      t.equal(reply.statusCode, 200)
      tokens.push(reply.json().accessToken)
    }
    const mes = () =>
      Promise.all(instances.map(({ app }, index) => createClient(app).me(tokens[index] ?? '')))
    for (const reply of await mes()) t.equal(reply.statusCode, 200)
    t.equal(await tell({ status: 'disabled' }), 'processed')
    t.ok(await untilTrue(async () => (await mes()).every(({ statusCode }) => statusCode === 401)))
  },
)

t.test('"when the listening connection is lost, caches are bypassed until it is back"', async (t) => {
  const world = await createWorld(t)
  const [first, second] = await Promise.all([world.start(syncOn), world.start(syncOn)])
  const tell = await createTeller(first)
  const { me } = createClient(second.app)
  isProblem(t, await second.login('nobody@example.com', 'x'), 'FL_CREDENTIALS_INVALID')
  await tell({ name: 'Mary', status: 'active' })
  const token = (await second.login(email, password)).json().accessToken
  const name = async () => (await me(token)).json().user?.name
  t.equal(await name(), 'Mary')

  // Connections that are there stay; no new one is let in.
  const database = new URL(world.url)
  const own = database.pathname.slice(1)
  database.pathname = 'postgres'
  await ask(database.href, async (sql) => {
    await sql`alter database ${sql(own)} allow_connections false`
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${own} and application_name = 'firstlogin-notices'`
  })
  t.ok(await untilTrue(() => second.log.some(({ event }) => event === 'notices.lost')))
  for (let index = 0; index < 5; index += 1) {
    await tell({ name: `Mary ${index}`, status: 'active' })
    t.equal(await name(), `Mary ${index}`, 'seen at once, without a notice')
  }
  const asked = world.airtable.calls().total
  isProblem(t, await second.login('nobody@example.com', 'x'), 'FL_CREDENTIALS_INVALID')
  t.ok(world.airtable.calls().total > asked, 'nor is anybody answered from the negative cache')

  await ask(database.href, (sql) => sql`alter database ${sql(own)} allow_connections true`)
  const listeners = async () => {
    const rows = await world.sql`
      select from pg_stat_activity where datname = ${own} and application_name = 'firstlogin-notices'`
    return rows.length
  }
  t.ok(await untilTrue(async () => (await listeners()) === 2))
  t.equal(await name(), 'Mary 4')
  await until(async () => {
    const before = await name()
    await world.sql`update firstlogin.users set name = ${`Without a notification ${randomUUID()}`}`
    return (await name()) === before
  })
  t.pass('the cache is in use again')
  await tell({ name: 'Mary the last', status: 'active' })
  t.ok(await untilTrue(async () => (await name()) === 'Mary the last'))
})
