import t from 'tap'
import { createWorld } from '../../support/service.ts'
import { age } from './age.ts'
import { createClient, isProblem, type Reply } from './client.ts'

const world = await createWorld(t)
const service = await world.start({
  SESSION_MAX_AGE_S: '3600',
  REFRESH_TOKEN_TTL_S: '1800',
  READTHROUGH_DEADLINE_MS: '60000',
})
const { refresh, me, post } = createClient(service.app)
const ada = { email: 'ada@example.com', password: 'analytical-engine' }

const lifeOf = (accessToken: string): number => {
  const { iat, exp } = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString())
  return exp - iat
}
const agesOf = ({ cookies }: Reply) =>
  cookies.filter(({ name }) => !name.includes('device')).map(({ maxAge }) => maxAge as number)

/** The test itself takes time, too: what is left of a session is never more than this. */
const isAtMost = (seconds: number, most: number) => seconds > 0 && seconds <= most

t.test('a session ends SESSION_MAX_AGE_S after the login, however often it is refreshed', async (t) => {
  let tokens = (await post('login', ada)).json()
  for (let turn = 0; turn < 3; turn += 1) {
    await age(world.sql, 900)
    const reply = await refresh(tokens.refreshToken)
    t.equal(reply.statusCode, 200, `after ${(turn + 1) * 900} s`)
    tokens = reply.json()
  }
  t.equal(tokens.expiresIn, 600, 'after 2700 s an access token still lives ten minutes')
  await age(world.sql, 600)
  tokens = (await refresh(tokens.refreshToken)).json()
  t.ok(isAtMost(tokens.expiresIn, 300), 'no access token outlives the session')
  t.equal(lifeOf(tokens.accessToken), tokens.expiresIn)
  await age(world.sql, 300)
  isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
  isProblem(t, await me(tokens.accessToken), 'FL_SESSION_INVALID')
  t.notOk(service.log.some((line) => line.event === 'session.reuse_detected'))
})

t.test('a session ends REFRESH_TOKEN_TTL_S after its last refresh', async (t) => {
  const tokens = (await post('login', ada)).json()
  await age(world.sql, 1700)
  const next = (await refresh(tokens.refreshToken)).json()
  await age(world.sql, 1800)
  isProblem(t, await refresh(next.refreshToken), 'FL_SESSION_INVALID')
})

t.test('cookies end with the session, those of a repeated request included', async (t) => {
  const login = await post('login', { ...ada, cookie: true })
  t.same(agesOf(login), [600, 1800])
  const cookies = Object.fromEntries(login.cookies.map(({ name, value }) => [name, value]))
  await age(world.sql, 1000)
  const first = await post('refresh', undefined, { cookies })
  t.same(agesOf(first), [600, 1800])
  const later = Object.fromEntries(first.cookies.map(({ name, value }) => [name, value]))
  await age(world.sql, 1600)
  for (const presented of [later, later]) {
    const reply = await post('refresh', undefined, { cookies: presented })
    t.equal(reply.statusCode, 200)
    const [access = 0, refresh = 0] = agesOf(reply)
    t.ok(isAtMost(access, 600) && isAtMost(refresh, 1000), `${access} s, ${refresh} s`)
  }
})

t.test('a shorter SESSION_MAX_AGE_S ends the sessions that are older, at their next refresh', async (t) => {
  const tokens = (await post('login', ada)).json()
  const strict = await world.start({ SESSION_MAX_AGE_S: '300' })
  await age(world.sql, 301)
  isProblem(t, await createClient(strict.app).refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
  const short = await createClient(strict.app).post('login', { ...ada, cookie: true })
  t.same(agesOf(short), [300, 300], 'and a login is never longer')
})
