import t from 'tap'
import { createWorld, type World } from '../../support/service.ts'
import { age } from './age.ts'
import { createClient, isProblem } from './client.ts'
import { tellOfAda } from './news.ts'

async function signIn(world: World, env: Record<string, string> = {}) {
  const service = await world.start({ READTHROUGH_DEADLINE_MS: '60000', ...env })
  const tokens = (await service.login('ada@example.com', 'analytical-engine')).json()
  return { service, ...createClient(service.app), tokens }
}

t.test('an old token after REFRESH_GRACE_S ends the session for everybody who holds it', async (t) => {
  const world = await createWorld(t)
  for (const grace of [0, 1]) {
    const { service, tokens, refresh, me } = await signIn(world, { REFRESH_GRACE_S: String(grace) })
    const another = (await service.login('ada@example.com', 'analytical-engine')).json()
    const next = (await refresh(tokens.refreshToken)).json()
    t.equal((await me(next.accessToken)).statusCode, 200)
    await age(world.sql, grace)

    isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
    t.match(
      service.log.find((line) => line.event === 'session.reuse_detected'),
      { level: 40, sessionId: /^[0-9a-f-]{36}$/, userId: tokens.user.id },
    )
    isProblem(t, await refresh(next.refreshToken), 'FL_SESSION_INVALID')
    isProblem(t, await me(next.accessToken), 'FL_SESSION_INVALID')
    t.equal((await refresh(another.refreshToken)).statusCode, 200, 'other sessions go on')
  }
})

t.test('made-up tokens never end a session', async (t) => {
  const { service, tokens, refresh } = await signIn(await createWorld(t))
  const raw = Buffer.from(tokens.refreshToken, 'base64url')
  const made: string[] = [
    'x',
    'a'.repeat(91),
    tokens.accessToken,
    raw.toString('hex'),
    `${tokens.refreshToken}AA`,
  ]
  for (let at = 0; at < raw.length; at += 1) {
    const changed = Buffer.from(raw)
    changed[at] = (changed[at] ?? 0) ^ 1
    made.push(changed.toString('base64url'))
  }
  for (const token of made) isProblem(t, await refresh(token), 'FL_SESSION_INVALID')
  t.notOk(service.log.some((line) => line.event === 'session.reuse_detected'))
  t.equal((await refresh(tokens.refreshToken)).statusCode, 200)
})

t.test('nobody refreshes after logout, logout-all, or the end of the token', async (t) => {
  const world = await createWorld(t)
  const { service, tokens, refresh, post, me } = await signIn(world)
  t.equal((await post('logout', { refreshToken: tokens.refreshToken })).statusCode, 204)
  isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')

  const again = (await service.login('ada@example.com', 'analytical-engine')).json()
  const headers = { authorization: `Bearer ${again.accessToken}` }
  t.equal((await post('logout-all', undefined, { headers })).statusCode, 204)
  isProblem(t, await refresh(again.refreshToken), 'FL_SESSION_INVALID')

  const idle = (await service.login('ada@example.com', 'analytical-engine')).json()
  await age(world.sql, 2_592_000)
  isProblem(t, await refresh(idle.refreshToken), 'FL_SESSION_INVALID')
  isProblem(t, await me(idle.accessToken), 'FL_SESSION_INVALID')
  t.notOk(
    service.log.some((line) => line.event === 'session.reuse_detected'),
    'none of this is theft',
  )
})

for (const fate of ['disabled', 'deleted'] as const) {
  t.test(`nobody refreshes once upstream has ${fate} them`, async (t) => {
    const world = await createWorld(t)
    const { tokens, refresh } = await signIn(world)
    await tellOfAda(world.sql, fate === 'deleted' ? fate : { status: fate })
    isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
  })
}
