import t from 'tap'
import { Value } from 'typebox/value'
import type { Change } from '../../../domain/change.ts'
import { seeded } from '../../../sandbox/frontegg/people.ts'
import { FronteggEnv } from '../../../upstreams/frontegg/env.ts'
import { openFrontegg } from './called.ts'

const { acme, globex, ada, grace, alan, katherine } = seeded
const adaAtAcme = { userId: ada, tenantId: acme }

function pick<T extends Change['type']>(changes: Change[], type: T) {
  const found = changes.filter((change): change is Extract<Change, { type: T }> => change.type === type)
  if (found.length !== 1 || !found[0]) throw new Error(`There is not exactly one ${type}.`)
  return found[0]
}

/** Its keys take long to make. */
const shared = await openFrontegg(t)

// The mapping table of the requirements, row by row, with what is wrong in it put right.

t.test(
  '`sub` | `users` | `id` | User UUID from Frontegg: it is the id upstream, and ours is our own',
  async (t) => {
    const { readToken } = shared
    const { user, changes } = await readToken(adaAtAcme)
    t.equal(user, ada)
    const told = pick(changes, 'user.upserted')
    t.match(told, { upstream: 'frontegg', externalId: ada, isAccount: true, created: false })
    t.notOk('id' in told.fields)
  },
)

t.test(
  "`email` | `users` | `email` | User's email: as it is written, and vouched once verified",
  async (t) => {
    const { readToken } = shared
    const verified = pick((await readToken({ userId: grace, tenantId: acme })).changes, 'user.upserted')
    t.equal(verified.fields.email, 'Grace@Example.com')
    t.notOk(verified.isUnverified)
    const unverified = pick((await readToken({ userId: alan, tenantId: acme })).changes, 'user.upserted')
    t.match(unverified, { fields: { email: 'alan@example.com' }, isUnverified: true })
  },
)

t.test("`name` | `users` | `name` | User's display name", async (t) => {
  const { readToken } = shared
  t.equal(pick((await readToken(adaAtAcme)).changes, 'user.upserted').fields.name, 'Ada Lovelace')
})

t.test('`profilePictureUrl` | `users` | `avatar_url` | Profile picture', async (t) => {
  const { readToken } = shared
  const { fields } = pick((await readToken(adaAtAcme)).changes, 'user.upserted')
  t.equal(fields.avatarUrl, 'https://www.gravatar.com/avatar/ada')
})

t.test(
  '`emailVerified` | `users` | `email_verified` | Email verification status: the claim is `email_verified`',
  async (t) => {
    const { readToken } = shared
    const snake = await readToken({ ...adaAtAcme, claims: { email_verified: true, emailVerified: false } })
    t.equal(pick(snake.changes, 'user.upserted').fields.emailVerified, true)
    const camel = await readToken({
      ...adaAtAcme,
      claims: { email_verified: undefined, emailVerified: true },
    })
    const told = pick(camel.changes, 'user.upserted')
    t.notOk('emailVerified' in told.fields)
    t.notOk('email' in told.fields, 'nor is an address told of which nobody says that it is verified')
  },
)

t.test(
  '`roles` | `users` | `profile_data.frontegg_roles` | Stored as JSON: verbatim, on the membership they are for',
  async (t) => {
    const roles = ['Admin', 'Billing  Contact', 'read only']
    const settings = { FRONTEGG_ROLE_MAP: { 'Billing  Contact': 'viewer' as const } }
    const { readToken } = await openFrontegg(t, { settings })
    const { changes } = await readToken({ ...adaAtAcme, claims: { roles } })
    t.strictSame(pick(changes, 'membership.upserted').fields.grant?.roles, roles)
  },
)

t.test(
  '`tenantId` | `organizations` | `id` | Org UUID from Frontegg: the active one, whatever others there are',
  async (t) => {
    const { readToken } = shared
    const { organization, changes } = await readToken({ userId: katherine, tenantId: globex })
    t.equal(organization, globex)
    t.equal(pick(changes, 'organization.upserted').externalId, globex)
    t.equal(changes.length, 3)
  },
)

t.test(
  '`tenantId` (first 8 chars) | `organizations` | `slug` | URL-friendly ID: ours to choose, for eight characters are not unique',
  async (t) => {
    const { readToken, organizations } = shared
    const [found] = await organizations.find([acme])
    t.strictSame(Object.keys(found?.fields ?? {}), ['name', 'settings'])
    t.strictSame(pick((await readToken(adaAtAcme)).changes, 'organization.upserted').fields, {})
  },
)

t.test(
  'Auto-generated | `organizations` | `s3_bucket_name` | `org-{slug}`: no word of a bucket upstream',
  async (t) => {
    const { readToken, organizations } = shared
    const told = JSON.stringify([await readToken(adaAtAcme), await organizations.find([acme])])
    t.notMatch(told, /bucket|s3_|slug|org-/i)
  },
)

t.test(
  "`name` | `organizations` | `name` | Org display name: the tenant's, never the person's",
  async (t) => {
    const { readToken, organizations } = shared
    const { changes } = await readToken(adaAtAcme)
    t.strictSame(pick(changes, 'organization.upserted').fields, {})
    t.match(await organizations.find([acme]), [{ externalId: acme, fields: { name: 'Acme Inc.' } }])
  },
)

t.test('`roles` (mapped) | `organization_members` | `role` | Admin/Member/Viewer', async (t) => {
  const { readToken } = await openFrontegg(t, { settings: { FRONTEGG_ROLE_MAP: { 'Chief ': 'owner' } } })
  const cases: [roles: unknown[], role: string, isMapped: boolean][] = [
    [['Admin'], 'admin', true],
    [['member'], 'member', true],
    [['Viewer'], 'viewer', true],
    [['ReadOnly'], 'viewer', true],
    [['Read-Only'], 'viewer', true],
    [['Read Only'], 'viewer', true],
    [['ReadOnly', 'Member', 'Viewer'], 'member', true],
    [['chief', 'Admin'], 'owner', true],
    [[], 'viewer', false],
  ]
  for (const [roles, role, isMapped] of cases) {
    const { changes } = await readToken({ ...adaAtAcme, claims: { roles } })
    t.match(pick(changes, 'membership.upserted').fields.grant, { role, isMapped }, JSON.stringify(roles))
  }
})

t.test('a token tells the membership alone unless the key of every role in it is explained', async (t) => {
  const { readToken } = await openFrontegg(t, { settings: { FRONTEGG_ROLE_MAP: { 'Team lead': 'admin' } } })
  for (const roles of [
    ['lead'],
    ['Member', 'lead'],
    ['lead', 'Admin'],
    ['Member', 7],
    [null],
    ['Member', ' '],
  ]) {
    const { changes } = await readToken({ ...adaAtAcme, claims: { roles } })
    t.strictSame(pick(changes, 'membership.upserted').fields, {}, JSON.stringify(roles))
  }
  const { changes } = await readToken({ ...adaAtAcme, claims: { roles: ['Member', 'team lead'] } })
  t.match(pick(changes, 'membership.upserted').fields.grant, { role: 'admin' })
})

t.test('that an address is verified is told together with the address, and never alone', async (t) => {
  const { readToken } = shared
  for (const email of [undefined, null, '', ' ', 7]) {
    const { changes } = await readToken({ ...adaAtAcme, claims: { email, email_verified: true } })
    const { fields, isUnverified } = pick(changes, 'user.upserted')
    t.notOk('email' in fields || 'emailVerified' in fields || isUnverified, JSON.stringify(email))
  }
})

t.test(
  '`tenantId` + `sub` | `organization_members` | `organization_id` + `user_id` | Membership link',
  async (t) => {
    const { readToken } = shared
    const { changes } = await readToken(adaAtAcme)
    const membership = pick(changes, 'membership.upserted')
    t.match(membership, { organization: acme, user: ada, externalId: `${acme} ${ada}`, created: true })
  },
)

t.test('what a token says is as old as the token', async (t) => {
  const { claims } = shared
  const at = Date.parse('2026-11-21T12:00:00.000Z')
  const payload = { type: 'userToken', sub: ada, tenantId: acme, iat: at / 1000, exp: at / 1000 + 60 }
  const { changes } = claims.read({ header: {}, payload })
  t.equal(changes.length, 3)
  for (const { stamp } of changes) t.strictSame(stamp, { at, event: 'token 2026-11-21T12:00:00.000Z' })
})

t.test(
  'a template without its optional claims tells who and where, and nothing that it does not know',
  async (t) => {
    const { readToken } = shared
    const without = Object.fromEntries(
      [
        'name',
        'email',
        'email_verified',
        'profilePictureUrl',
        'roles',
        'permissions',
        'tenantIds',
        'metadata',
      ].map((claim) => [claim, undefined]),
    )
    const { changes } = await readToken({ ...adaAtAcme, claims: without })
    const user = pick(changes, 'user.upserted')
    t.strictSame(user.fields, {})
    t.notOk(user.isUnverified)
    t.strictSame(pick(changes, 'membership.upserted').fields, {})
  },
)

t.test('claims that hold what they should not are as good as missing', async (t) => {
  const { readToken } = shared
  const claims = {
    name: { first: 'Ada' },
    email: 7,
    email_verified: 'true',
    profilePictureUrl: [],
    roles: 'Admin',
  }
  const { changes } = await readToken({ ...adaAtAcme, claims })
  t.strictSame(pick(changes, 'user.upserted').fields, {})
  t.strictSame(pick(changes, 'membership.upserted').fields, {})
})

t.test(
  'only a sign-in of a person is taken: no token of a machine, none without a tenant or an id',
  async (t) => {
    const { readToken } = shared
    const refused = { code: 'FL_TOKEN_INVALID' }
    for (const type of ['userApiToken', 'tenantApiToken', 'userAccessToken', 'tenantAccessToken'] as const)
      await t.rejects(readToken({ ...adaAtAcme, type }), refused, type)
    for (const claims of [
      { type: undefined },
      { type: ['userToken'] },
      { type: 'UserToken' },
      { tenantId: undefined },
      { tenantId: '' },
      { tenantId: 'two words' },
      { tenantId: [acme] },
      { iat: 9e15 },
      { sub: 'ada@example.com' },
      { sub: `${ada}\n` },
    ])
      await t.rejects(readToken({ ...adaAtAcme, claims }), refused, JSON.stringify(claims))
  },
)

t.test('somebody who acts in their name is known by the actor, or by a claim of that name', async (t) => {
  const { readToken } = shared
  const isImpersonated = async (claims: object) =>
    (await readToken({ ...adaAtAcme, claims: { ...claims } })).isImpersonated
  t.equal(await isImpersonated({ act: { sub: grace } }), true)
  t.equal(await isImpersonated({ impersonatorUserId: grace }), true)
  t.equal(await isImpersonated({ isImpersonated: true }), true)
  t.equal(await isImpersonated({ isImpersonated: false, act: null }), false)
  t.equal(await isImpersonated({}), false)
})

t.test('tokens are for the client id, or for whom the settings say instead', async (t) => {
  const { claims, standIn } = shared
  t.strictSame(claims.audiences, [standIn.clientId])
  t.equal(claims.keysUrl, `${standIn.issuer}/.well-known/jwks.json`)
  t.strictSame(claims.algorithms, ['RS256'])
  const app = await openFrontegg(t, { settings: { FRONTEGG_AUDIENCE: ['app-1', 'app-2'] } })
  t.strictSame(app.claims.audiences, ['app-1', 'app-2'])
  t.match(await app.readToken({ ...adaAtAcme, claims: { aud: 'app-2' } }), { user: ada })
  await t.rejects(app.readToken(adaAtAcme), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' })
})

t.test('settings name addresses that are safe to ask, and an issuer as it is written in tokens', (t) => {
  const good = {
    FRONTEGG_CLIENT_ID: 'id',
    FRONTEGG_API_KEY: 'key',
    FRONTEGG_ISSUER: 'https://app-x.frontegg.com',
  }
  const isGood = (settings: object) =>
    Value.Check(FronteggEnv, Value.Default(FronteggEnv, { ...good, ...settings }))
  t.ok(isGood({}))
  t.ok(isGood({ FRONTEGG_ISSUER: 'http://127.0.0.1:4000' }))
  t.ok(isGood({ FRONTEGG_ISSUER: 'https://auth.example.com/oauth' }))
  t.ok(isGood({ FRONTEGG_API_URL: 'https://api.us.frontegg.com/', FRONTEGG_WEBHOOK_SECRET: ['a', 'b'] }))
  for (const bad of [
    { FRONTEGG_ISSUER: 'https://app-x.frontegg.com/' },
    { FRONTEGG_ISSUER: 'http://app-x.frontegg.com' },
    { FRONTEGG_ISSUER: 'https://user@app-x.frontegg.com' },
    { FRONTEGG_API_URL: 'https://api.frontegg.com/identity' },
    { FRONTEGG_API_URL: 'http://127.0.0.1.example.com' },
    { FRONTEGG_WEBHOOK_SECRET: [''] },
    { FRONTEGG_WEBHOOK_SECRET: [] },
    { FRONTEGG_ROLE_MAP: { Boss: 'king' } },
  ])
    t.notOk(isGood(bad), JSON.stringify(bad))
  t.end()
})
