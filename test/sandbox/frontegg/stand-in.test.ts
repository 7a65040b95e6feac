import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { seeded } from '../../../sandbox/frontegg/people.ts'
import { createFronteggStandIn, type FronteggStandInOptions } from '../../../sandbox/frontegg/stand-in.ts'

const usersPath = '/identity/resources/users/v3'
const { acme, globex, ada, katherine } = seeded

async function open(t: Test, options: FronteggStandInOptions = {}) {
  const standIn = createFronteggStandIn(options)
  const url = await standIn.listen()
  t.teardown(standIn.close)
  const login = await post(`${url}/auth/vendor`, { clientId: standIn.clientId, secret: standIn.apiKey })
  const authorization = `Bearer ${login.body.token}`
  const ask = async (path: string, headers: Record<string, string> = {}) =>
    toAnswer(await fetch(`${url}${path}`, { headers: { authorization, ...headers } }))
  return { standIn, url, ask }
}

async function post(url: string, body: object) {
  const headers = { 'content-type': 'application/json' }
  return toAnswer(await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) }))
}

async function toAnswer(response: Response) {
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) }
}

t.test("Frontegg's own client signs in, validates tokens and reads the API", async (t) => {
  const { standIn, url } = await open(t)
  // The client reads it when it is imported.
  process.env['FRONTEGG_API_GATEWAY_URL'] = url
  const sdk = await import('@frontegg/client')
  const { clientId, apiKey } = standIn
  sdk.FronteggContext.init({ FRONTEGG_CLIENT_ID: clientId, FRONTEGG_API_KEY: apiKey })
  const authenticator = new sdk.FronteggAuthenticator()
  await authenticator.init(clientId, apiKey)
  t.teardown(() => authenticator.shutdown())

  const identity = sdk.IdentityClient.getInstance()
  const token = standIn.accessToken({ userId: ada, tenantId: acme })
  t.match(await identity.validateToken(token, { roles: ['Admin'] }), {
    sub: ada,
    tenantId: acme,
    type: 'userToken',
    email: 'ada@example.com',
    email_verified: true,
    roles: ['Admin'],
    tenantIds: [acme],
  })
  await t.rejects(identity.validateToken(token, { roles: ['ReadOnly'] }))
  const flipped = `${token.slice(0, -9)}${token.at(-9) === 'A' ? 'B' : 'A'}${token.slice(-8)}`
  await t.rejects(identity.validateToken(flipped))

  const client = new sdk.HttpClient(authenticator, { baseURL: url })
  const { data } = await client.get(`${usersPath}?_limit=2`)
  t.match(data, { _metadata: { totalItems: 4, totalPages: 2 }, items: [{ id: ada }, {}] })
})

t.test(
  'only the two words of the environment give a vendor token, and only that opens the API',
  async (t) => {
    const { standIn, url, ask } = await open(t)
    const wrong = await post(`${url}/auth/vendor`, { clientId: standIn.clientId, secret: 'wrong' })
    t.match(wrong, { status: 401, body: { errors: [/^Invalid/] } })
    t.match(await toAnswer(await fetch(`${url}${usersPath}`)), { status: 401, body: { errors: [String] } })
    t.equal((await ask(usersPath)).status, 200)
    standIn.revokeVendorTokens()
    t.equal((await ask(usersPath)).status, 401)
  },
)

t.test('a vendor token ends when it said it would', async (t) => {
  let now = Date.now()
  const { ask } = await open(t, { expiresInS: 60, clock: () => now })
  now += 59_000
  t.equal((await ask(usersPath)).status, 200)
  now += 1000
  t.equal((await ask(usersPath)).status, 401)
})

t.test(
  'a listing tells tenants without roles, its offset counts pages, and filters are a sieve',
  async (t) => {
    const { ask } = await open(t)
    const [second] = (await ask(`${usersPath}?_limit=3&_offset=1`)).body.items
    t.equal(second.id, katherine)
    t.strictSame(second.tenants, [
      { tenantId: acme, isDisabled: false, temporaryExpirationDate: null },
      { tenantId: globex, isDisabled: false, temporaryExpirationDate: null },
    ])
    t.strictSame((await ask(`${usersPath}?_limit=3&_offset=3`)).body.items, [])
    t.equal((await ask(`${usersPath}?_email=ADA`)).body.items.length, 1)
    t.equal((await ask(`${usersPath}?_ids=${ada},${katherine}`)).body.items.length, 2)
    t.equal((await ask(`${usersPath}?_tenantId=${globex}`)).body.items.length, 1)
    t.match(await ask(`${usersPath}?_limit=201`), { status: 400, body: { errors: [String] } })
  },
)

t.test('a user alone, and the look-up of roles by tenant, tell who may do what', async (t) => {
  const { ask, standIn } = await open(t)
  const { body } = await ask(`/identity/resources/vendor-only/users/v1/${katherine}`)
  t.match(body.tenants, [
    { tenantId: acme, roles: [{ key: 'Member' }] },
    { tenantId: globex, roles: [{ key: 'Admin' }, { key: 'ReadOnly', name: 'Read Only' }] },
  ])
  t.match(await ask('/identity/resources/vendor-only/users/v1/nobody'), { status: 404 })

  const roles = `${usersPath}/roles?ids=${ada},${katherine}`
  t.match(await ask(roles), { status: 403 })
  const inGlobex = { 'frontegg-tenant-id': globex }
  const [found, ...others] = (await ask(roles, inGlobex)).body
  t.strictSame([found.userId, found.roleIds.length, others], [katherine, 2, []])

  standIn.roles.put({ key: 'Auditor', tenantId: globex })
  t.equal((await ask('/identity/resources/roles/v1')).body.length, 3)
  t.equal((await ask('/identity/resources/roles/v1', inGlobex)).body.length, 4)
})

t.test('a tenant is an array of one, and of none when it is not there', async (t) => {
  const { ask, standIn } = await open(t)
  t.match((await ask(`/tenants/resources/tenants/v1/${acme}`)).body, [{ tenantId: acme, name: 'Acme Inc.' }])
  t.equal((await ask('/tenants/resources/tenants/v1')).body.length, 2)
  t.match((await ask('/tenants/resources/tenants/v2?_limit=1&_offset=1')).body.items, [{ name: 'Globex' }])
  standIn.tenants.remove(acme)
  t.strictSame((await ask(`/tenants/resources/tenants/v1/${acme}`)).body, [])
})

t.test('an access token is proved by the published keys, before and after they are rotated', async (t) => {
  const { standIn, url } = await open(t)
  const keys = () => createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`))
  const rules = { issuer: url, audience: standIn.clientId, algorithms: ['RS256'] }
  const old = standIn.accessToken({ userId: ada, tenantId: acme })
  t.match((await jwtVerify(old, keys(), rules)).payload, {
    name: 'Ada Lovelace',
    profilePictureUrl: /^https/,
  })
  standIn.rotateKeys()
  await jwtVerify(old, keys(), rules)
  await jwtVerify(standIn.accessToken({ userId: ada, tenantId: acme }), keys(), rules)
  standIn.rotateKeys({ isWithdrawn: true })
  await t.rejects(jwtVerify(old, keys(), rules), errors.JWKSNoMatchingKey)
})

t.test('tokens of machines are about no person, and a template may leave claims out', async (t) => {
  const { standIn } = await open(t)
  const about = { userId: ada, tenantId: acme }
  const machine = decodeJwt(standIn.accessToken({ ...about, type: 'tenantApiToken' }))
  t.match(machine, { type: 'tenantApiToken', createdByUserId: ada, tenantId: acme })
  t.not(machine.sub, ada)
  t.notOk('roles' in decodeJwt(standIn.accessToken({ ...about, type: 'userAccessToken' })))
  const bare = decodeJwt(standIn.accessToken({ ...about, claims: { email: undefined, aud: 'app-1' } }))
  t.match(bare, { sub: ada, aud: 'app-1' })
  t.notOk('email' in bare)
})

t.test('a webhook carries a token that has nothing to do with its body', async (t) => {
  const { standIn } = await open(t)
  const { jwtVerify: verify } = await import('jose')
  const { headers, body } = await standIn.webhook('frontegg.user.invitedToTenant', {
    userId: katherine,
    tenantId: globex,
  })
  const secret = new TextEncoder().encode(standIn.webhookSecret)
  t.match((await verify(headers['x-webhook-secret'], secret, { algorithms: ['HS256'] })).payload, {
    iat: Number,
  })
  t.match(JSON.parse(body), {
    eventKey: 'frontegg.user.invitedToTenant',
    user: { id: katherine, metadata: '{}', roles: [{ key: 'Admin' }, { key: 'ReadOnly' }] },
    eventContext: { tenantId: globex, userId: katherine },
  })
  standIn.users.remove(katherine)
  const last = await standIn.webhook('frontegg.user.deleted', { userId: katherine })
  t.match(JSON.parse(last.body), { user: { id: katherine, email: 'katherine@example.com' } })
})

t.test('a webhook is posted where it should go', async (t) => {
  const receiver = createFronteggStandIn()
  const webhookUrl = `${await receiver.listen()}/auth/vendor`
  t.teardown(receiver.close)
  const { standIn } = await open(t, { webhookUrl })
  const { answer } = await standIn.webhook('frontegg.tenant.created', { tenantId: acme })
  t.match(answer, { status: 401, body: /Invalid/ })
})

t.test('an overload names the moment when it is over, in a header of its own', async (t) => {
  const now = Date.parse('2026-11-21T12:00:00.000Z')
  const { standIn, ask } = await open(t, { clock: () => now, resetMs: 7000 })
  standIn.setFault({ kind: 'rate_limit' })
  const limited = await ask(usersPath)
  t.equal(limited.status, 429)
  t.equal(limited.headers.get('x-rate-limit-reset'), '2026-11-21T12:00:07.000Z')
  t.equal(limited.headers.get('retry-after'), null)
  standIn.setFault({ kind: 'quota' })
  t.equal((await ask(usersPath)).headers.get('x-rate-limit-reset'), null)
})

t.test('whoever plays with the sandbox gets tokens and events by its control', async (t) => {
  const { url } = await open(t)
  const control = `${url}/__control`
  const { body } = await post(`${control}/tokens`, { userId: ada, tenantId: acme })
  t.match(decodeJwt(body.token), { sub: ada, iss: url })
  t.match((await post(`${control}/webhooks`, { eventKey: 'frontegg.user.created', userId: ada })).body, {
    body: /frontegg\.user\.created/,
  })
  t.equal((await post(`${control}/tokens`, {})).status, 422)
  t.equal((await toAnswer(await fetch(`${control}/state`))).body.users.length, 4)
})
