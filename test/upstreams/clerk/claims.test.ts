import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { ada, grace } from '../../../sandbox/clerk/people.ts'
import type { SessionTokenOptions } from '../../../sandbox/clerk/tokens.ts'
import type { ClerkEnv } from '../../../upstreams/clerk/env.ts'
import type { VerifiedToken } from '../../../upstreams/upstream.ts'
import { createClerk, issuer, openClerk, organizationId } from './opened.ts'

const iat = 1767606300
const stamp = { at: iat * 1000, event: 'token 2026-01-05T09:45:00.000Z' }
const plain = {
  iss: issuer,
  sub: 'user_2ada',
  sid: 'sess_2ada',
  azp: 'https://app.example.com',
  iat,
  nbf: iat - 10,
  exp: iat + 60,
}
const v2 = { ...plain, v: 2, jti: 'jti', sts: 'active', fva: [0, -1] }

function read(payload: object, env: Partial<ClerkEnv> = {}, header: object = { alg: 'RS256', typ: 'JWT' }) {
  const { claims } = createClerk({ env })
  return claims.read({ header, payload } as VerifiedToken)
}

/** Why a token is refused; undefined if it is not. */
function reasonFor(payload: object, env?: Partial<ClerkEnv>, header?: object): unknown {
  try {
    read(payload, env, header)
    return undefined
  } catch (error) {
    const { code, cause } = error as { code?: string; cause?: unknown }
    return code === 'FL_TOKEN_INVALID' ? cause : error
  }
}

t.test(
  'tokens of the stand-in verify by the published keys, and both versions say the same',
  async (t: Test) => {
    const { standIn, claims } = await openClerk(t)
    const keys = createRemoteJWKSet(new URL(claims.keysUrl), { cooldownDuration: 0 })
    const verify = async (options: SessionTokenOptions) => {
      const token = await standIn.sessionToken(options)
      const { payload } = await jwtVerify(token, keys, {
        issuer: claims.issuer,
        algorithms: [...claims.algorithms],
      })
      return claims.read({ header: decodeProtectedHeader(token), payload } as VerifiedToken)
    }
    for (const version of [1, 2] as const) {
      const reading = await verify({ userId: ada, organizationId, version })
      t.match(reading, { user: ada, organization: organizationId, isImpersonated: false })
      t.match(reading.changes[2], {
        externalId: `${organizationId} ${ada}`,
        fields: { grant: { role: 'admin' } },
      })
      t.match(await verify({ userId: grace, version }), { user: grace, organization: undefined })
    }
    await standIn.rotateKeys()
    t.match(await verify({ userId: grace, organizationId }), { user: grace, organization: organizationId })
  },
)

t.test('keys are those that the issuer publishes, and nothing but RS256 counts', async (t) => {
  const { claims } = createClerk({ env: { CLERK_AUDIENCE: ['api'] } })
  t.match(claims, {
    issuer,
    keysUrl: `${issuer}/.well-known/jwks.json`,
    algorithms: ['RS256'],
    audiences: ['api'],
  })
  t.strictSame(createClerk().claims.audiences, [])
})

t.test('a plain token says no more than that there is such an account', async (t) => {
  t.strictSame(read(v2), {
    user: 'user_2ada',
    organization: undefined,
    isImpersonated: false,
    changes: [
      {
        type: 'user.upserted',
        upstream: 'clerk',
        externalId: 'user_2ada',
        created: false,
        isAccount: true,
        fields: {},
        stamp,
      },
    ],
  })
})

t.test('the active organization and the role in it are told in the words of either version', async (t) => {
  const grants = {
    'org:admin': {
      ...plain,
      org_id: 'org_2acme',
      org_slug: 'acme',
      org_role: 'org:admin',
      org_permissions: [],
    },
    admin: { ...v2, o: { id: 'org_2acme', slg: 'acme', rol: 'admin', per: 'read', fpm: '1' } },
    'org:member': { ...plain, v: 1, org_id: 'org_2acme', org_role: 'org:member' },
  }
  for (const [word, payload] of Object.entries(grants)) {
    const { organization, changes } = read(payload)
    t.equal(organization, 'org_2acme')
    const role = word.replace('org:', '')
    t.strictSame(changes.slice(1), [
      {
        type: 'organization.upserted',
        upstream: 'clerk',
        externalId: 'org_2acme',
        created: false,
        fields: word === 'org:member' ? {} : { slug: 'acme' },
        stamp,
      },
      {
        type: 'membership.upserted',
        upstream: 'clerk',
        externalId: 'org_2acme user_2ada',
        organization: 'org_2acme',
        user: 'user_2ada',
        created: true,
        fields: { grant: { roles: [`org:${role}`], role, isMapped: true } },
        stamp,
      },
    ])
  }
  const mapped = read(grants.admin, { CLERK_ROLE_MAP: { 'org:admin': 'owner' } })
  t.match(mapped.changes[2], { fields: { grant: { roles: ['org:admin'], role: 'owner' } } })
})

t.test('an organization without a role is told without one, and null stands for nothing', async (t) => {
  const [, , membership] = read({ ...v2, o: { id: 'org_2acme' } }).changes
  t.match(membership, { type: 'membership.upserted', created: true })
  t.strictSame(membership && 'fields' in membership && membership.fields, {})
  t.equal(read({ ...plain, org_id: null, org_role: null, act: null }).organization, undefined)
  t.equal(read({ ...v2, o: null, org_id: null }).organization, undefined)
})

t.test('a token of both versions at once, of another one, or malformed, is refused', async (t) => {
  const o = { id: 'org_2acme', rol: 'admin' }
  t.equal(reasonFor({ ...v2, o, org_id: 'org_2acme' }), 'it is of two versions')
  t.equal(reasonFor({ ...v2, org_id: 'org_2acme', org_role: 'admin' }), 'it is of two versions')
  t.equal(reasonFor({ ...v2, org_role: 'admin' }), 'it is of two versions')
  t.equal(reasonFor({ ...plain, o }), 'it is of two versions')
  t.equal(reasonFor({ ...plain, v: 3 }), 'it is of an unknown version')
  t.equal(reasonFor({ ...plain, v: '2' }), 'it is of an unknown version')
  for (const broken of ['org_2acme', [], {}, { id: 7 }, { id: '' }, { id: 'org 2' }, { id: 'org_2', rol: 7 }])
    t.equal(reasonFor({ ...v2, o: broken }), 'its organization is malformed', JSON.stringify(broken))
  t.equal(reasonFor({ ...plain, org_id: 'org\n2' }), 'its organization is malformed')
  t.equal(reasonFor({ ...plain, org_role: 'org:admin' }), 'its organization is malformed')
})

t.test("only a person's finished sign-in counts", async (t) => {
  t.equal(reasonFor(v2), undefined)
  t.equal(reasonFor(v2, {}, { alg: 'RS256' }), undefined, 'older tokens lack the typ')
  for (const typ of ['at+jwt', 'm2m', '', null])
    t.equal(reasonFor(v2, {}, { alg: 'RS256', typ }), 'it is not a session token', `${typ}`)
  t.equal(reasonFor({ ...v2, sts: 'pending' }), 'the session is pending')
  t.equal(reasonFor({ ...v2, sts: 'ended' }), 'it is not a session token')
  t.equal(reasonFor({ ...v2, sid: undefined }), 'it is not a session token')
  t.equal(reasonFor({ ...v2, sid: '' }), 'it is not a session token')
  for (const sub of ['mch_2machine', 'user_', 'user_2 a', 'USER_2ada', ''])
    t.equal(reasonFor({ ...v2, sub }), 'it is not a session token', sub)
})

t.test('where parties are named, a token must be for one of them', async (t) => {
  const env = { CLERK_AUTHORIZED_PARTIES: ['https://app.example.com', 'https://admin.example.com'] }
  t.equal(reasonFor(v2, env), undefined)
  t.equal(reasonFor({ ...v2, azp: 'https://admin.example.com' }, env), undefined)
  for (const azp of ['https://evil.example.com', 'https://app.example.com/', '', null, undefined])
    t.equal(reasonFor({ ...v2, azp }, env), 'it was made for another party', `${azp}`)
  t.equal(reasonFor({ ...v2, azp: undefined }), undefined, 'and where none are, for anybody')
})

t.test('a token that somebody else acts with says so', async (t) => {
  const act = { iss: 'https://dashboard.clerk.com', sid: 'sess_2x', sub: 'user_2support' }
  t.match(read({ ...v2, act }), { user: 'user_2ada', isImpersonated: true })
  t.equal(read({ ...v2, act: {} }).isImpersonated, true)
})

t.test(
  'customised claims are told, and an address is vouched for only where the token says verified',
  async (t) => {
    const person = (told: object) => {
      const [change] = read({ ...v2, ...told }).changes
      return change?.type === 'user.upserted' ? change : undefined
    }
    const email = 'ada@example.com'
    const verified = person({ email, email_verified: true, name: ' Ada\0 Lovelace ' })
    t.strictSame(verified?.fields, { email, emailVerified: true, name: 'Ada\ufffd Lovelace' })
    t.notOk(verified?.isUnverified)
    t.match(person({ email, email_verified: false }), {
      fields: { email, emailVerified: false },
      isUnverified: true,
    })
    for (const email_verified of [undefined, null, 'true', 1]) {
      const unsure = person({ email, email_verified })
      t.strictSame(unsure?.fields, {}, 'it takes no vouching away')
      t.notOk(unsure?.isUnverified)
    }
    for (const odd of ['', 'ada at example', null, 7, {}]) {
      const untold = person({ email: odd, email_verified: true, name: odd === 'ada at example' ? null : odd })
      t.strictSame(untold?.fields, {}, JSON.stringify(odd))
      t.notOk(untold?.isUnverified)
    }
  },
)
