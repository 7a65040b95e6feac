import { createHash } from 'node:crypto'
import t from 'tap'
import { createWorld, type LogLine } from '../../support/service.ts'
import { age } from './age.ts'
import { createClient, isProblem } from './client.ts'

const world = await createWorld(t)
const service = await world.start({ REFRESH_GRACE_S: '1000', READTHROUGH_DEADLINE_MS: '60000' })
const { refresh, me } = createClient(service.app)

const logged = (event: string): LogLine[] => service.log.filter((line) => line.event === event)

async function signIn(): Promise<string> {
  return (await service.login('ada@example.com', 'analytical-engine')).json().refreshToken
}

/** The token that a refresh answers with. */
async function exchange(token: string, more = {}): Promise<string> {
  const reply = await refresh(token, more)
  t.equal(reply.statusCode, 200, reply.body)
  return reply.json().refreshToken
}

const as = (userAgent: string) => ({ headers: { 'user-agent': userAgent } })
const from = (remoteAddress: string) => ({ remoteAddress })

t.test('refresh-orders.json, "slow third request": any ancestor leads to the newest token', async (t) => {
  const s1 = await signIn()
  const s2 = await exchange(s1)
  const s3 = await exchange(s2)
  t.equal(new Set([s1, s2, s3]).size, 3)
  t.equal(await exchange(s1), s3)
  const s4 = await exchange(s3)
  for (const ancestor of [s1, s2, s3]) t.equal(await exchange(ancestor), s4)
  t.equal((await me((await refresh(s1)).json().accessToken)).statusCode, 200)
})

t.test('refresh-orders.json, "older answer stored last": the token is good for its successor', async (t) => {
  const s1 = await signIn()
  const slow = await exchange(s1)
  const s2 = await exchange(s1)
  t.equal(slow, s2)
  const s3 = await exchange(s2)
  await age(world.sql, 1001)
  t.equal(await exchange(slow), s3)
  const s4 = await exchange(s3)
  t.equal(await exchange(slow), s4, 'another tab that presents it at the same moment goes on, too')
  await age(world.sql, 1001)
  const s5 = await exchange(s4)
  isProblem(t, await refresh(slow), 'FL_SESSION_INVALID', 'reuse once the session has gone on')
  isProblem(t, await refresh(s5), 'FL_SESSION_INVALID')
})

t.test('an older answer stored last is no way in for another network or user agent', async (t) => {
  for (const thief of [from('198.51.100.7'), as('another')]) {
    const s1 = await signIn()
    const s2 = await exchange(s1)
    await exchange(s1)
    const s3 = await exchange(s2)
    await age(world.sql, 1001)
    isProblem(t, await refresh(s2, thief), 'FL_SESSION_INVALID')
    isProblem(t, await refresh(s3), 'FL_SESSION_INVALID', 'the session has ended')
  }
})

t.test(
  'within the grace another user agent counts as reuse: the session ends, and the log says so',
  async (t) => {
    for (const [login, thief] of [
      [{}, as('another')],
      [{}, as('')],
    ] as const) {
      const before = logged('session.reuse_detected').length
      const s1 = await signIn()
      const s2 = await exchange(s1, login)
      isProblem(t, await refresh(s1, thief), 'FL_SESSION_INVALID')
      isProblem(t, await refresh(s2), 'FL_SESSION_INVALID')
      t.equal(logged('session.reuse_detected').length, before + 1)
    }
  },
)

t.test('a user agent may change between refreshes, as after an update of the browser', async (t) => {
  const s1 = await signIn()
  const s2 = await exchange(s1, as('browser 2'))
  t.equal(await exchange(s1, as('browser 2')), s2, 'its repeats are known by the new one')
  const s3 = await exchange(s2, as('browser 3'))
  isProblem(t, await refresh(s2, as('browser 2')), 'FL_SESSION_INVALID', 'and not by the former one')
  isProblem(t, await refresh(s3, as('browser 3')), 'FL_SESSION_INVALID')
})

t.test('two networks within one grace are logged, counted and stored', async (t) => {
  const shared = () => logged('session.shared').length
  const counted = async () => {
    const { body } = await service.app.inject('/metrics')
    return Number(/^firstlogin_sessions_shared_total (\d+)$/m.exec(body)?.[1])
  }
  const [before, countedBefore] = [shared(), await counted()]
  const s1 = await signIn()
  const s2 = await exchange(s1)
  t.equal(shared(), before, 'one network is no news')
  t.equal(await exchange(s1, from('198.51.100.7')), s2, 'the same user agent gets the newest tokens')
  t.equal(shared(), before + 1)
  const networks = ['198.51.100.7', '127.0.0.1']
  t.match(logged('session.shared').at(-1), { level: 40, sessionId: /^[0-9a-f-]{36}$/, networks })
  t.equal(await counted(), countedBefore + 1)

  const s3 = await exchange(s2, from('2001:db8::1'))
  t.equal(shared(), before + 2, 'the token in force within the grace is, too')
  const [row] = await world.sql`
    select to_jsonb(shared_networks) as networks, last_network as last, shared_at > now() - interval '1 hour' as lately
    from firstlogin.sessions order by created_at desc limit 1`
  t.same(row, {
    networks: ['2001:db8:0:0::/64', '127.0.0.1', '198.51.100.7'],
    last: '2001:db8:0:0::/64',
    lately: true,
  })

  await age(world.sql, 1001)
  await exchange(s3)
  t.equal(shared(), before + 2, 'a network that changes between refreshes is not')
})

t.test('a thief who follows within the grace is seen each time, or ends the session', async (t) => {
  const before = logged('session.shared').length
  let token = await signIn()
  for (let turn = 0; turn < 6; turn += 1) {
    const stolen = token
    await age(world.sql, 2000)
    token = await exchange(token)
    t.equal(await exchange(stolen, from('198.51.100.7')), token)
  }
  t.equal(logged('session.shared').length, before + 6)
  const stolen = token
  token = await exchange(token)
  isProblem(t, await refresh(stolen, { ...as('thief'), ...from('198.51.100.7') }), 'FL_SESSION_INVALID')
  isProblem(t, await refresh(token), 'FL_SESSION_INVALID')
})

t.test('a burst of refreshes leaves a bounded row behind', async (t) => {
  let token = await signIn()
  for (let turn = 0; turn < 70; turn += 1) token = await exchange(token)
  const [row] = await world.sql`
    select cardinality(issued_ats) as issued from firstlogin.sessions order by created_at desc limit 1`
  t.same(row, { issued: 64 })
  await age(world.sql, 1001)
  token = await exchange(token)
  const [later] = await world.sql`
    select cardinality(issued_ats) as issued from firstlogin.sessions order by created_at desc limit 1`
  t.same(later, { issued: 1 })
})

t.test('a token of the version before goes on; one that was used is refused, and ends nothing', async (t) => {
  const s1 = await signIn()
  const s2 = await exchange(s1)
  // Its tokens did not lead to one another, and rows said less.
  const [row] = await world.sql<{ id: string }[]>`
    update firstlogin.sessions set last_user_agent = null, last_network = null, token_hash = ${Buffer.alloc(32)}
    where created_at = (select max(created_at) from firstlogin.sessions) returning id`
  isProblem(t, await refresh(s1), 'FL_SESSION_INVALID')
  const hash = createHash('sha256').update(Buffer.from(s2, 'base64url').subarray(0, 52)).digest()
  await world.sql`
    update firstlogin.sessions set issued_ats = '{}', token_hash = ${hash} where id = ${row?.id ?? ''}`
  t.equal((await refresh(s2)).statusCode, 200)
})
