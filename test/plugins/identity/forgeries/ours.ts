import { generateKeyPairSync } from 'node:crypto'
import { everywhere } from './everywhere.ts'
import type { Row } from './row.ts'
import { type Claims, compose, signWithEdDSA } from './signing.ts'
import { type ForgeryWorld, newClerkId, newFronteggId, ourIssuer } from './world.ts'

const of = 'ours'
const code = 'FL_SESSION_INVALID'

function saying(name: string, claims: Claims): Row {
  return { name, of, code: 'iss' in claims ? 'FL_TOKEN_INVALID' : code, forge: ({ sign }) => sign(claims) }
}

const byIssuer: Row[] = [
  {
    name: "our key, Clerk's issuer",
    of,
    forge: ({ sign }, { clerk }) => sign({ iss: clerk.issuer }),
  },
  {
    name: "our key, Clerk's issuer and kid",
    of,
    forge: ({ sign }, { clerk, jwks }) => sign({ iss: clerk.issuer }, { kid: jwks.clerk['kid'] }),
  },
  {
    name: "our key, Frontegg's issuer",
    of,
    forge: ({ sign }, { frontegg }) => sign({ iss: frontegg.issuer, aud: frontegg.clientId }),
  },
  saying("our key, the issuer of another environment's", { iss: 'https://staging.example.com' }),
  saying('our key, our issuer with a slash at its end', { iss: `${ourIssuer}/` }),
  saying('our key, a list of issuers with ours in it', { iss: ['https://staging.example.com', ourIssuer] }),
  saying('our key, without an issuer', { iss: undefined }),
  {
    name: "our next key, the issuer of another environment's",
    of,
    code: 'FL_TOKEN_INVALID',
    forge: ({ header, claims }, { host }) => {
      const next = [...host.app.keys.all.values()].find(({ kid }) => kid !== host.app.keys.current.kid)
      return compose(
        {
          header: { ...header, kid: next?.kid },
          claims: { ...claims, iss: 'https://staging.example.com' },
        },
        signWithEdDSA(next?.privateKey ?? ''),
      )
    },
  },
  {
    name: 'the key of another firstlogin under our kid',
    of,
    code,
    forge: (right) => compose(right, signWithEdDSA(generateKeyPairSync('ed25519').privateKey)),
  },
]

const byKind: Row[] = [
  {
    name: 'a refresh token',
    of,
    async forge(_right, { host, person }) {
      const issued = await host.app.tokens.issue(person.userId, { userAgent: null, address: null })
      return issued?.refreshToken ?? ''
    },
  },
  saying('without a session', { sid: undefined }),
  saying('a session that is a number', { sid: 1 }),
  saying('a session that was never', { sid: newFronteggId() }),
  saying('a session that is no uuid', { sid: newClerkId('sess') }),
  saying('a session with SQL in it', { sid: "' or 1=1; --" }),
  saying('a session with a zero byte', { sid: '\u0000' }),
  saying('exp that is a fraction', { exp: Date.now() / 1000 + 600.5 }),
  {
    name: 'of a session that has ended',
    of,
    code,
    spoil: ({ claims }, { host }) => host.app.tokens.revoke(String(claims['sid'])),
    forge: ({ token }) => token,
  },
]

function inOrganization(name: string, find: (world: ForgeryWorld) => string): Row {
  return {
    name: `x-organization-id ${name}`,
    of,
    code: 'FL_ORGANIZATION_MISSING',
    right: { headers: ({ person }) => ({ 'x-organization-id': person.organizationId }) },
    forge: ({ token, headers }, world) => ({
      token,
      headers: { ...headers, 'x-organization-id': find(world) },
    }),
  }
}

const byOrganization: Row[] = [
  inOrganization("of somebody else's", ({ otherOrganizationId }) => otherOrganizationId),
  inOrganization('of an organization that was deleted', ({ deletedOrganizationId }) => deletedOrganizationId),
  inOrganization('of no organization', () => newFronteggId()),
  inOrganization('that is no uuid', () => 'acme'),
  inOrganization('with SQL in it', ({ person }) => `${person.organizationId}' or '1'='1`),
  inOrganization(
    'of two organizations',
    ({ person, otherOrganizationId }) => `${person.organizationId}, ${otherOrganizationId}`,
  ),
  inOrganization('in braces', ({ person }) => `{${person.organizationId}}`),
  inOrganization('without hyphens', ({ person }) => person.organizationId.replaceAll('-', '')),
  inOrganization('that is the id of its person', ({ person }) => person.userId),
  inOrganization('that is a pattern', () => '%'),
]

export const ourRows: Row[] = [...everywhere(of), ...byIssuer, ...byKind, ...byOrganization]
