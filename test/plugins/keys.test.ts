import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createClient, isProblem } from '../routes/auth/client.ts'
import { runCommand } from '../support/commands.ts'
import { createWorld, type Service, secret, type World } from '../support/service.ts'

type Jwk = Record<string, string>

async function publishedBy({ app }: Service): Promise<Jwk[]> {
  return (await app.inject('/.well-known/jwks.json')).json().keys
}

/** A first login asks upstream, however long that takes on a busy machine. */
const patient = { READTHROUGH_DEADLINE_MS: '60000' }

const byName = (a: string, b: string) => (a < b ? -1 : 1)

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid

async function rotate(world: World): Promise<string> {
  const { code, lines } = await runCommand(world, ['keys', 'rotate'])
  return `${code} ${lines.join('\n')}`
}

/** Waits until all instances show that many keys: they hear of it at once, but not in the same moment. */
async function show(services: Service[], count: number): Promise<void> {
  for (const service of services) while ((await publishedBy(service)).length !== count) await sleep(5)
}

t.test(
  'instances that start at once agree on the keys, whose private parts are sealed in Postgres',
  async (t) => {
    const world = await createWorld(t)
    const services = await Promise.all([world.start(), world.start(), world.start()])
    const published = await Promise.all(services.map(publishedBy))
    const kids = published.map((keys) => keys.map((key) => key['kid'] ?? '').toSorted(byName))
    t.equal(kids[0]?.length, 2, 'current and next')
    t.same(kids[1], kids[0])
    t.same(kids[2], kids[0])

    const rows = await world.sql<{ all: string; sealed: Buffer; state: string }[]>`
    select to_jsonb(k)::text as all, sealed_private_key as sealed, state from firstlogin.signing_keys k`
    t.same(rows.map(({ state }) => state).toSorted(byName), ['current', 'next'])
    for (const { all, sealed } of rows) {
      t.notMatch(all, /PRIVATE|BEGIN|"d":/)
      t.notMatch(sealed.toString('latin1'), /PRIVATE|BEGIN/)
      // Ed25519's PKCS #8 prefix, should somebody store DER one day.
      t.notOk(sealed.includes(Buffer.from('302e020100300506032b6570', 'hex')))
    }
    const header = (await services[0]?.app.inject('/.well-known/jwks.json'))?.headers['cache-control']
    t.match(header, /public, max-age=\d+/)
  },
)

t.test('another FIRSTLOGIN_SECRET refuses to start and says why, without a value', async (t) => {
  const world = await createWorld(t)
  await world.start()
  const other = 'quite another secret of 32 bytes or more'
  const refusal = world.start({ FIRSTLOGIN_SECRET: other })
  await t.rejects(refusal, {
    message: /FIRSTLOGIN_SECRET is not the one that the signing keys .* were sealed with/,
  })
  const error = await refusal.catch((thrown: Error) => thrown)
  for (const value of [secret, other])
    t.notMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), value)
})

t.test('a sealed key that was changed or swapped in the database does not open', async (t) => {
  for (const tamper of ['swap', 'flip'] as const) {
    const world = await createWorld(t)
    await world.start()
    if (tamper === 'swap')
      await world.sql`
        update firstlogin.signing_keys a set sealed_private_key = b.sealed_private_key
        from firstlogin.signing_keys b where a.kid <> b.kid and a.state = 'current'`
    else
      await world.sql`
        update firstlogin.signing_keys set sealed_private_key = set_byte(sealed_private_key, 40,
          get_byte(sealed_private_key, 40) # 1)`
    await t.rejects(world.start(), { message: /FIRSTLOGIN_SECRET/ }, tamper)
  }
})

t.test('`keys rotate` under load: nobody on two instances is refused, before, during or after', async (t) => {
  const world = await createWorld(t)
  const services = await Promise.all([world.start(patient), world.start(patient)])
  const [first] = services
  const old = (await first.login('ada@example.com', 'analytical-engine')).json()
  const before = await publishedBy(first)

  let isDone = false
  const statuses: number[] = []
  async function useAll(service: Service, other: Service) {
    let { accessToken, refreshToken } = old
    while (!isDone) {
      const replies = [
        await createClient(service.app).me(accessToken),
        await createClient(other.app).me(accessToken),
      ]
      statuses.push(...replies.map((reply) => reply.statusCode))
      const next = await createClient(service.app).post('login', {
        email: 'ada@example.com',
        password: 'analytical-engine',
      })
      const refreshed = await createClient(other.app).refresh(next.json().refreshToken ?? refreshToken)
      statuses.push(next.statusCode, refreshed.statusCode)
      ;({ accessToken, refreshToken } = refreshed.json())
    }
  }
  const load = Promise.all(services.map((service, index) => useAll(service, services[1 - index] as Service)))
  const goOn = async () => {
    for (const until = statuses.length + 10; statuses.length < until; ) await sleep(5)
  }
  await goOn()
  const said = await rotate(world)
  await show(services, 3)
  await goOn()
  isDone = true
  await load

  t.same(new Set(statuses), new Set([200]))
  for (const service of services)
    t.equal((await createClient(service.app).me(old.accessToken)).statusCode, 200)
  const fresh = (await first.login('ada@example.com', 'analytical-engine')).json()
  t.not(kidOf(fresh.accessToken), kidOf(old.accessToken), 'new tokens are signed with another key')
  t.match(said, `0 Tokens are signed with ${kidOf(fresh.accessToken)} now.`)
  t.ok(
    before.some((key) => key['kid'] === kidOf(fresh.accessToken)),
    'that everybody knew already',
  )
  for (const { app } of services) t.equal((await createClient(app).me(fresh.accessToken)).statusCode, 200)

  const states = await world.sql`select state from firstlogin.signing_keys order by state`
  t.same(
    states.map((row) => row['state']),
    ['current', 'next', 'previous'],
  )
})

t.test('the key before the previous one is retired: no longer published, no longer accepted', async (t) => {
  const world = await createWorld(t)
  const service = await world.start(patient)
  const { accessToken } = (await service.login('ada@example.com', 'analytical-engine')).json()
  t.equal((await createClient(service.app).me(accessToken)).statusCode, 200)
  await rotate(world)
  await rotate(world)
  const isPublished = async () =>
    (await publishedBy(service)).some((key) => key['kid'] === kidOf(accessToken))
  while (await isPublished()) await sleep(5)
  t.notOk(await isPublished())
  isProblem(
    t,
    await createClient(service.app).me(accessToken),
    'FL_SESSION_INVALID',
    'though it was checked before',
  )
  const late = await world.start()
  isProblem(t, await createClient(late.app).me(accessToken), 'FL_SESSION_INVALID')
})

t.test('after a rotation, tokens keep their issuer, their life and their algorithm', async (t) => {
  const world = await createWorld(t)
  const elsewhere = await world.start({ BASE_URL: 'https://elsewhere.example.com' })
  const service = await world.start({ ACCESS_TOKEN_TTL_S: '700', ...patient })
  await rotate(world)
  await show([service, elsewhere], 3)
  const { accessToken } = (await service.login('ada@example.com', 'analytical-engine')).json()
  const [header, claims] = accessToken
    .split('.')
    .slice(0, 2)
    .map((part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()))
  t.match(header, { alg: 'EdDSA', typ: 'at+jwt' })
  t.equal(claims.exp - claims.iat, 700)
  t.equal(claims.iss, 'http://127.0.0.1:3000')
  t.equal(claims.aud, 'http://127.0.0.1:3000')
  isProblem(t, await createClient(elsewhere.app).me(accessToken), 'FL_SESSION_INVALID', 'another issuer')
})

t.test('`keys` without an action changes nothing', async (t) => {
  const world = await createWorld(t)
  t.equal((await runCommand(world, ['keys'])).code, 2)
  t.same(await world.sql`select from firstlogin.signing_keys`, [])
})
