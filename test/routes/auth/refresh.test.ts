import t from 'tap'
import { findText } from '../../support/find-text.ts'
import { createWorld, type World } from '../../support/service.ts'
import { createClient } from './client.ts'

async function signIn(world: World, env: Record<string, string> = {}) {
  const service = await world.start({ READTHROUGH_DEADLINE_MS: '60000', ...env })
  const tokens = (await service.login('ada@example.com', 'analytical-engine')).json()
  return { service, ...createClient(service.app), tokens }
}

t.test('POST /api/auth/refresh answers as a login does, with tokens that go on', async (t) => {
  const { tokens, refresh, me } = await signIn(await createWorld(t))
  let { refreshToken } = tokens
  const seen = new Set([refreshToken])
  for (let turn = 0; turn < 5; turn += 1) {
    const reply = await refresh(refreshToken)
    t.equal(reply.statusCode, 200)
    t.equal(reply.headers['cache-control'], 'no-store')
    const { accessToken, refreshToken: next, ...rest } = reply.json()
    t.same(rest, { tokenType: 'Bearer', expiresIn: 600, user: tokens.user })
    t.equal((await me(accessToken)).statusCode, 200)
    refreshToken = next
    seen.add(next)
  }
  t.equal(seen.size, 6, 'a new one each time')
  t.equal((await me(tokens.accessToken)).statusCode, 200, 'an access token lives until its own end')
})

t.test(
  'twenty refreshes with one token at once, over two instances, all get the same successor',
  async (t) => {
    const world = await createWorld(t)
    const { tokens, refresh } = await signIn(world)
    const other = createClient((await world.start()).app)
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? refresh : other.refresh)(tokens.refreshToken)),
    )
    t.same(new Set(replies.map((reply) => reply.statusCode)), new Set([200]))
    const successors = new Set<string>(replies.map((reply) => reply.json().refreshToken))
    t.equal(successors.size, 1)
    const [successor = ''] = successors
    t.equal((await refresh(tokens.refreshToken)).json().refreshToken, successor, 'and so does a late retry')
    t.equal((await refresh(successor)).statusCode, 200)
  },
)

t.test('the database holds no token, before or after rotations', async (t) => {
  const world = await createWorld(t)
  const { tokens, refresh } = await signIn(world)
  const next = (await refresh(tokens.refreshToken)).json()
  for (const { accessToken, refreshToken } of [tokens, next]) {
    const raw = Buffer.from(refreshToken, 'base64url')
    const secret = raw.subarray(20, 52)
    const forms = [
      accessToken,
      refreshToken,
      raw.toString('hex'),
      secret.toString('hex'),
      secret.toString('base64'),
    ]
    for (const text of forms) t.same(await findText(world.sql, text), [])
  }
  t.same(
    await findText(world.sql, tokens.user.id),
    ['sessions', 'users', 'identities'].sort(),
    'the search finds',
  )
})
