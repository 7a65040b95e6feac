import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createWorld, type World } from '../../support/service.ts'
import { createClient, isProblem } from './client.ts'
import { tellOfAda } from './news.ts'

async function signIn(world: World, env: Record<string, string> = {}) {
  const service = await world.start(env)
  const tokens = (await service.login('ada@example.com', 'analytical-engine')).json()
  return { service, ...createClient(service.app), tokens }
}

t.test('an old token after REFRESH_GRACE_S ends the session for everybody who holds it', async (t) => {
  for (const grace of ['0', '1']) {
    const world = await createWorld(t)
    const { service, tokens, refresh, me } = await signIn(world, { REFRESH_GRACE_S: grace })
    const another = (await service.login('ada@example.com', 'analytical-engine')).json()
    const next = (await refresh(tokens.refreshToken)).json()
    t.equal((await me(next.accessToken)).statusCode, 200)
    await sleep(Number(grace) * 1000 + 20)

    isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
    t.match(
      service.log.find((line) => line.event === 'session.reuse_detected'),
      { level: 40, sessionId: /^[0-9a-f-]{36}$/, userId: tokens.user.id },
    )
    isProblem(t, await refresh(next.refreshToken), 'FL_SESSION_INVALID')
    t.equal((await refresh(another.refreshToken)).statusCode, 200, 'other sessions go on')
  }
})

t.test('a token of two rotations ago ends the session even within the grace', async (t) => {
  const { service, tokens, refresh } = await signIn(await createWorld(t))
  const second = (await refresh(tokens.refreshToken)).json()
  const third = (await refresh(second.refreshToken)).json()
  isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
  t.ok(service.log.some((line) => line.event === 'session.reuse_detected'))
  isProblem(t, await refresh(third.refreshToken), 'FL_SESSION_INVALID')
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
  const { service, tokens, refresh, post } = await signIn(world)
  t.equal((await post('logout', { refreshToken: tokens.refreshToken })).statusCode, 204)
  isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')

  const again = (await service.login('ada@example.com', 'analytical-engine')).json()
  const headers = { authorization: `Bearer ${again.accessToken}` }
  t.equal((await post('logout-all', undefined, { headers })).statusCode, 204)
  isProblem(t, await refresh(again.refreshToken), 'FL_SESSION_INVALID')

  const short = await signIn(world, { REFRESH_TOKEN_TTL_S: '1' })
  await sleep(1050)
  isProblem(t, await short.refresh(short.tokens.refreshToken), 'FL_SESSION_INVALID')
  isProblem(t, await short.me(short.tokens.accessToken), 'FL_SESSION_INVALID')
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
