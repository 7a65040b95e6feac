import { encrypted, everywhere } from './everywhere.ts'
import type { Row } from './row.ts'
import { attacker, type Claims, compose, signWithEdDSA } from './signing.ts'
import { newClerkId, newFronteggId, ourIssuer, party } from './world.ts'

const of = 'clerk'

function saying(name: string, claims: Claims, code?: Row['code']): Row {
  return { name, of, ...(code && { code }), forge: ({ sign }) => sign(claims) }
}

/** Right in all but where it comes from. */
const byIssuer: Row[] = [
  {
    name: "a development instance's token",
    of,
    code: 'FL_TOKEN_INVALID',
    forge: ({ user, organization }, { foreign }) =>
      foreign.clerk.sessionToken({ userId: user, organizationId: organization }),
  },
  {
    name: "a development instance's token with our instance's issuer",
    of,
    forge: ({ claims, user }, { foreign }) => foreign.clerk.sessionToken({ userId: user, claims }),
  },
  {
    name: "a development instance's token with our instance's issuer and kid",
    of,
    forge: ({ claims, header, user }, { foreign }) =>
      foreign.clerk.sessionToken({ userId: user, claims, header }),
  },
  {
    name: "Clerk's key, Frontegg's issuer",
    of,
    forge: ({ sign }, { frontegg }) => sign({ iss: frontegg.issuer }),
  },
  {
    name: "Clerk's key, Frontegg's issuer and kid, and all that a token of Frontegg says",
    of,
    forge: ({ sign }, { frontegg, jwks }) =>
      sign(
        {
          iss: frontegg.issuer,
          aud: frontegg.clientId,
          sub: newFronteggId(),
          tenantId: newFronteggId(),
          type: 'userToken',
        },
        { kid: jwks.frontegg['kid'] },
      ),
  },
  saying("Clerk's key, our issuer", { iss: ourIssuer }, 'FL_SESSION_INVALID'),
  {
    name: "Clerk's key, our issuer and kid",
    of,
    code: 'FL_SESSION_INVALID',
    forge: ({ sign }, { host, person }) =>
      sign({ iss: ourIssuer, sub: person.userId }, { kid: host.app.keys.current.kid }),
  },
  {
    name: "Clerk's claims by our key",
    of,
    forge: ({ header, claims }, { host }) => {
      const { kid, privateKey } = host.app.keys.current
      return compose({ header: { ...header, alg: 'EdDSA', kid }, claims }, signWithEdDSA(privateKey))
    },
  },
  {
    name: "Clerk's claims by Frontegg's key",
    of,
    forge: ({ claims, user, organization }, { frontegg }) =>
      frontegg.accessToken({ userId: user, tenantId: organization, claims: { aud: undefined, ...claims } }),
  },
  {
    name: 'the issuer with a slash at its end',
    of,
    code: 'FL_TOKEN_INVALID',
    forge: ({ sign }, { clerk }) => sign({ iss: `${clerk.issuer}/` }),
  },
  {
    name: 'the issuer in capitals',
    of,
    code: 'FL_TOKEN_INVALID',
    forge: ({ sign }, { clerk }) => sign({ iss: clerk.issuer.toUpperCase() }),
  },
  {
    name: 'a list of issuers, ours among them',
    of,
    code: 'FL_TOKEN_INVALID',
    forge: ({ sign }, { clerk }) => sign({ iss: [clerk.issuer, 'https://evil.example'] }),
  },
  saying('without an issuer', { iss: undefined }, 'FL_TOKEN_INVALID'),
  saying('an issuer that is a number', { iss: 7 }, 'FL_TOKEN_INVALID'),
  saying('an issuer that is null', { iss: null }, 'FL_TOKEN_INVALID'),
  saying('an issuer of the language', { iss: '__proto__' }, 'FL_TOKEN_INVALID'),
]

/** Right in all but what it is. */
const byKind: Row[] = [
  saying("a JWT template's token, without a session", { sid: undefined }),
  saying('a session that is empty', { sid: '' }),
  saying('a session that is a number', { sid: 1 }),
  saying('a session that is null', { sid: null }),
  saying('a pending session', { sts: 'pending' }),
  saying('a session of an unknown status', { sts: 'revoked' }),
  saying('an audience', { aud: 'https://api.example.com' }),
  saying('a list of audiences', { aud: ['convex'] }),
  saying('an empty audience', { aud: '' }),
  { name: 'typ at+jwt', of, forge: ({ sign }) => sign({}, { typ: 'at+jwt' }) },
  { name: 'typ application/at+jwt', of, forge: ({ sign }) => sign({}, { typ: 'application/at+jwt' }) },
  { name: 'typ logout+jwt', of, forge: ({ sign }) => sign({}, { typ: 'logout+jwt' }) },
  ...['RS384', 'RS512', 'PS256'].map((alg): Row => {
    return { name: `${alg} by the right key`, of, forge: ({ sign }) => sign({}, { alg }) }
  }),
  ...['mch', 'org', 'sess', 'USER', 'client', 'oauth_app', 'user-'].map((prefix) =>
    saying(`sub of another kind: ${prefix}_`, { sub: newClerkId(prefix) }),
  ),
  saying('sub that is only a prefix', { sub: 'user_' }),
  saying('sub with a blank', { sub: 'user_2a b' }),
  saying('sub with a line after it', { sub: 'user_2a\n' }),
  saying('sub of 300 characters', { sub: `user_${'2'.repeat(300)}` }),
  { name: "sub of Frontegg's", of, forge: ({ sign }) => sign({ sub: newFronteggId() }) },
  { name: 'sub of our own', of, forge: ({ sign }, { person }) => sign({ sub: person.userId }) },
]

const byParty: Row[] = [
  ['azp missing', undefined],
  ['azp of another party', 'https://evil.example'],
  ['azp that begins as the right one', `${party}.evil.example`],
  ['azp empty', ''],
  ['azp null', null],
  ['azp as a list', [party]],
].map(([name, azp]): Row => {
  return {
    name: `${String(name)}, where CLERK_AUTHORIZED_PARTIES is set`,
    of,
    right: { on: 'parties' },
    forge: ({ sign }) => sign({ azp }),
  }
})

const byOrganization: Row[] = [
  saying('version 2 with an org_id in place of o', { o: undefined, org_id: newClerkId('org') }),
  saying('version 2 with an org_id of another beside o', { org_id: newClerkId('org') }),
  saying('version 2 with an org_role beside o', { org_role: 'org:admin' }),
  saying('version 1 with an o', { v: undefined }),
  saying('a version that nobody knows', { v: 3 }),
  saying('a version in words', { v: '2' }),
  saying('version 1 whose org_id is a number', { v: 1, o: undefined, org_id: 7, org_role: 'org:admin' }),
  saying('version 1 with a role and no organization', { v: 1, o: undefined, org_role: 'org:admin' }),
  saying('o without an id', { o: { rol: 'admin' } }),
  saying('o whose id is a number', { o: { id: 7, rol: 'admin' } }),
  saying('o whose id is a list', { o: { id: [newClerkId('org')], rol: 'admin' } }),
  saying('o whose id is empty', { o: { id: '', rol: 'admin' } }),
  saying('o whose id is null', { o: { id: null, rol: 'admin' } }),
  saying('o whose id has a blank', { o: { id: 'org_2a org_2b', rol: 'admin' } }),
  saying('o whose id has a zero byte', { o: { id: 'org_2a\u0000', rol: 'admin' } }),
  saying('o that is a list', { o: [{ id: newClerkId('org'), rol: 'admin' }] }),
  saying('o that is a text', { o: newClerkId('org') }),
  saying('o that is true', { o: true }),
  saying('o whose role is a list', { o: { id: newClerkId('org'), rol: ['admin'] } }),
]

const byNews: Row[] = [
  {
    name: 'of an organization that the person has left',
    of,
    code: 'FL_ORGANIZATION_MISSING',
    spoil: ({ user, organization }, { host }) =>
      host.app.provisioner.apply([
        {
          type: 'membership.deleted',
          upstream: of,
          externalId: `${organization} ${user}`,
          organization,
          user,
          stamp: { at: Date.now(), event: 'left' },
        },
      ]),
    forge: ({ token }) => token,
  },
  {
    name: 'of an organization that was deleted',
    of,
    code: 'FL_ORGANIZATION_MISSING',
    spoil: ({ organization }, { host }) =>
      host.app.provisioner.apply([
        {
          type: 'organization.deleted',
          upstream: of,
          externalId: organization,
          stamp: { at: Date.now(), event: 'gone' },
        },
      ]),
    forge: ({ token }) => token,
  },
]

/** A token that fits is no proof of whose it is: one with an attacker's key fits everywhere. */
const byCollusion: Row = {
  name: "an attacker's key set at the address that the token names as its issuer",
  of,
  code: 'FL_TOKEN_INVALID',
  forge: ({ header, claims }, { trap }) =>
    compose({ header: { ...header, kid: 'attacker' }, claims: { ...claims, iss: trap.url } }, attacker.RS256),
}

export const clerkRows: Row[] = [
  ...everywhere(of),
  encrypted(of),
  ...byIssuer,
  byCollusion,
  ...byKind,
  ...byParty,
  ...byOrganization,
  ...byNews,
]
