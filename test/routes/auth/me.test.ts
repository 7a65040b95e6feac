import t, { type Test } from 'tap'
import { createProxy } from '../../support/proxy.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { type Client, createClient, isProblem } from './client.ts'
import { tellOfAda } from './news.ts'

/** Two instances, and Ada's session in the memory of both. */
async function meetTwice(t: Test) {
  const world = await createWorld(t)
  const [here, there] = await Promise.all([world.start(), world.start()])
  const tokens = (await here.login('ada@example.com', 'analytical-engine')).json()
  const clients = [createClient(here.app), createClient(there.app)] as [Client, Client]
  for (const { me } of clients) for (let i = 0; i < 2; i += 1) await me(tokens.accessToken)
  return { ...world, here, there, clients, tokens }
}

/** Waits for an answer with this status. Without an invalidation it would not come within the time that `until` gives. */
const untilStatus = (status: number, ask: () => Promise<{ statusCode: number }>) =>
  until(async () => (await ask()).statusCode === status)

t.test('GET /api/auth/me says who one is, and nothing more', async (t) => {
  const { clients, tokens, here } = await meetTwice(t)
  const reply = await clients[1].me(tokens.accessToken)
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['cache-control'], 'no-store')
  const { user, organizations, session, ...rest } = reply.json()
  t.same(rest, {})
  t.same(user, tokens.user)
  t.same(organizations, [])
  t.same(Object.keys(session), ['id', 'createdAt', 'expiresAt'])
  const month = Date.parse(session.expiresAt) - Date.parse(session.createdAt)
  t.ok(Math.abs(month - 2_592_000_000) < 5000)
  isProblem(t, await here.app.inject('/api/auth/me'), 'FL_SESSION_INVALID')
})

t.test('the second answer comes from memory', async (t) => {
  const { clients, tokens, sql } = await meetTwice(t)
  await sql`update firstlogin.users set name = 'Nobody was told'`
  t.equal((await clients[0].me(tokens.accessToken)).json().user.name, 'Ada Lovelace')
})

const ends: Record<string, (met: Awaited<ReturnType<typeof meetTwice>>) => Promise<unknown>> = {
  logout: ({ clients, tokens }) => clients[0].post('logout', { refreshToken: tokens.refreshToken }),
  'logout by access token': ({ clients, tokens }) =>
    clients[0].post('logout', undefined, { headers: { authorization: `Bearer ${tokens.accessToken}` } }),
  'logout-all from another session': async ({ here, clients }) => {
    const { accessToken } = (await here.login('ada@example.com', 'analytical-engine')).json()
    return clients[0].post('logout-all', undefined, { headers: { authorization: `Bearer ${accessToken}` } })
  },
  'disabling upstream': ({ sql }) => tellOfAda(sql, { status: 'disabled' }),
  'deletion upstream': ({ sql }) => tellOfAda(sql, 'deleted'),
}

for (const [name, end] of Object.entries(ends)) {
  t.test(`${name} ends \`me\` on every instance at once`, async (t) => {
    const met = await meetTwice(t)
    await end(met)
    if (name.startsWith('logout'))
      isProblem(t, await met.clients[0].me(met.tokens.accessToken), 'FL_SESSION_INVALID', 'here')
    await Promise.all(met.clients.map(({ me }) => untilStatus(401, () => me(met.tokens.accessToken))))
    for (const { me } of met.clients) isProblem(t, await me(met.tokens.accessToken), 'FL_SESSION_INVALID')
  })
}

t.test('logout leaves the other sessions of the person alone', async (t) => {
  const { here, clients, tokens } = await meetTwice(t)
  const other = (await here.login('ada@example.com', 'analytical-engine')).json()
  await clients[0].post('logout', { refreshToken: tokens.refreshToken })
  await Promise.all(clients.map(({ me }) => untilStatus(401, () => me(tokens.accessToken))))
  for (const { me } of clients) t.equal((await me(other.accessToken)).statusCode, 200)
  t.equal(
    (await clients[0].post('logout', { refreshToken: tokens.refreshToken })).statusCode,
    204,
    'twice is fine',
  )
  t.equal((await clients[0].post('logout', {})).statusCode, 204, 'and so is nothing to end')
  isProblem(t, await clients[0].post('logout', { refreshToken: 'made up' }), 'FL_SESSION_INVALID')
})

t.test('a change upstream is seen on every instance at once', async (t) => {
  const { clients, tokens, sql } = await meetTwice(t)
  await tellOfAda(sql, { name: 'Ada King', role: 'owner' })
  for (const { me } of clients)
    await until(async () => (await me(tokens.accessToken)).json().user.name === 'Ada King')
  t.pass()
})

t.test(
  'an instance that cannot hear the others serves nothing from memory, and gets its ear back',
  async (t) => {
    const { clients, tokens, sql } = await meetTwice(t)
    const ears = "application_name = 'firstlogin-notices' and datname = current_database()"
    for (let round = 0; round < 3; round += 1) {
      await sql.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity where ${ears}`)
      await tellOfAda(sql, { name: `Ada ${round}` })
      for (const { me } of clients)
        await until(async () => (await me(tokens.accessToken)).json().user?.name === `Ada ${round}`)
    }
    const hearing = async () => {
      const [row] = await sql.unsafe<[{ count: number }]>(
        `select count(*)::int from pg_stat_activity where ${ears}`,
      )
      return row.count
    }
    await until(async () => (await hearing()) === 2)
    for (const { me } of clients) for (let i = 0; i < 2; i += 1) await me(tokens.accessToken)
    await clients[0].post('logout', { refreshToken: tokens.refreshToken })
    await untilStatus(401, () => clients[1].me(tokens.accessToken))
    t.pass()
  },
)

t.test('news from while an instance was cut off is not missed', async (t) => {
  const { url, sql, start } = await createWorld(t)
  const wire = await createProxy(t, url)
  const service = await start({ DATABASE_URL: wire.url })
  const { me } = createClient(service.app)
  const { accessToken } = (await service.login('ada@example.com', 'analytical-engine')).json()
  t.equal((await me(accessToken)).json().user.name, 'Ada Lovelace')
  await wire.cut()
  await tellOfAda(sql, { name: 'Ada King' })
  await wire.mend()
  await untilStatus(200, () => service.app.inject('/readyz'))
  const names = new Set<string>()
  for (let round = 0; round < 100; round += 1) names.add((await me(accessToken)).json().user.name)
  t.same([...names], ['Ada King'])
  await service.app.close()
})
