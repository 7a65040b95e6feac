import { encrypted, everywhere } from './everywhere.ts'
import type { Row } from './row.ts'
import { type Claims, compose, signWithEdDSA, signWithSecret } from './signing.ts'
import { newClerkId, newFronteggId, ourIssuer } from './world.ts'

const of = 'frontegg'

function saying(name: string, claims: Claims, code?: Row['code']): Row {
  return { name, of, ...(code && { code }), forge: ({ sign }) => sign(claims) }
}

const byIssuer: Row[] = [
  {
    name: "another environment's token",
    of,
    code: 'FL_TOKEN_INVALID',
    forge: ({ user, organization }, { foreign }) =>
      foreign.frontegg.accessToken({ userId: user, tenantId: organization }),
  },
  {
    name: "another environment's token with our environment's issuer",
    of,
    forge: ({ claims, user, organization }, { foreign }) =>
      foreign.frontegg.accessToken({ userId: user, tenantId: organization, claims }),
  },
  {
    name: "another environment's token with our environment's issuer and kid",
    of,
    forge: ({ claims, header, user, organization }, { foreign }) =>
      foreign.frontegg.accessToken({ userId: user, tenantId: organization, claims, header }),
  },
  {
    name: "Frontegg's key, Clerk's issuer",
    of,
    forge: ({ sign }, { clerk }) => sign({ iss: clerk.issuer }),
  },
  {
    name: "Frontegg's key, Clerk's issuer and kid, and all that a token of Clerk says",
    of,
    forge: ({ sign }, { clerk, jwks }) =>
      sign(
        { iss: clerk.issuer, aud: undefined, sub: newClerkId('user'), sid: newClerkId('sess'), v: 2 },
        { kid: jwks.clerk['kid'] },
      ),
  },
  saying("Frontegg's key, our issuer", { iss: ourIssuer }, 'FL_SESSION_INVALID'),
  {
    name: "Frontegg's key, our issuer and kid",
    of,
    code: 'FL_SESSION_INVALID',
    forge: ({ sign }, { host, person }) =>
      sign({ iss: ourIssuer, sub: person.userId }, { kid: host.app.keys.current.kid }),
  },
  {
    name: "Frontegg's claims by our key",
    of,
    forge: ({ header, claims }, { host }) => {
      const { kid, privateKey } = host.app.keys.current
      return compose({ header: { ...header, alg: 'EdDSA', kid }, claims }, signWithEdDSA(privateKey))
    },
  },
  {
    name: "Frontegg's claims by Clerk's key",
    of,
    forge: ({ claims, user }, { clerk }) => clerk.sessionToken({ userId: user, claims }),
  },
  {
    name: 'the issuer with a slash at its end',
    of,
    code: 'FL_TOKEN_INVALID',
    forge: ({ sign }, { frontegg }) => sign({ iss: `${frontegg.issuer}/` }),
  },
  saying('without an issuer', { iss: undefined }, 'FL_TOKEN_INVALID'),
]

const byKind: Row[] = [
  ...[
    'userApiToken',
    'tenantApiToken',
    'userAccessToken',
    'tenantAccessToken',
    'vendor',
    'usertoken',
    '',
  ].map((type) => saying(`of the type ${JSON.stringify(type)}`, { type })),
  ...(['userApiToken', 'tenantApiToken', 'userAccessToken', 'tenantAccessToken'] as const).map(
    (type): Row => {
      return {
        name: `as Frontegg issues a ${type}`,
        of,
        forge: ({ user, organization }, { frontegg }) =>
          frontegg.accessToken({ userId: user, tenantId: organization, type }),
      }
    },
  ),
  saying('without a type', { type: undefined }),
  saying('a list of types', { type: ['userToken'] }),
  saying('a type that is null', { type: null }),
  saying('for another client', { aud: newFronteggId() }),
  saying('for nobody in particular', { aud: undefined }),
  saying('for a list without us', { aud: [newFronteggId(), newFronteggId()] }),
  saying('for an empty list', { aud: [] }),
  saying('for null', { aud: null }),
  {
    name: 'for whoever begins as we do',
    of,
    forge: ({ sign }, { frontegg }) => sign({ aud: `${frontegg.clientId}-2` }),
  },
  ...['RS512', 'PS256'].map((alg): Row => {
    return { name: `${alg} in the header alone`, of, forge: ({ sign }) => sign({}, { alg }) }
  }),
  saying("sub of Clerk's", { sub: newClerkId('user') }),
  saying('sub with a line after it', { sub: `${newFronteggId()}\n` }),
  saying('sub with more behind it', { sub: `${newFronteggId()}0` }),
  {
    name: 'the token of the vendor',
    of,
    async forge(_right, { frontegg }) {
      const answer = await fetch(`${frontegg.issuer}/auth/vendor`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ clientId: frontegg.clientId, secret: frontegg.apiKey }),
      })
      return ((await answer.json()) as { token: string }).token
    },
  },
  {
    name: 'the token of the vendor as a JWT',
    of,
    forge: ({ sign }) => sign({ type: 'vendor', tenantId: undefined, sub: newFronteggId() }),
  },
  {
    name: 'the JWT of a webhook',
    of,
    code: 'FL_TOKEN_INVALID',
    async forge({ user, organization }, { frontegg }) {
      const sent = await frontegg.webhook('frontegg.user.created', { userId: user, tenantId: organization })
      return sent.headers['x-webhook-secret']
    },
  },
  {
    name: 'signed with the secret of webhooks',
    of,
    forge: ({ header, claims }, { frontegg }) =>
      compose({ header: { ...header, alg: 'HS256' }, claims }, signWithSecret(frontegg.webhookSecret)),
  },
  {
    name: 'signed with the API key',
    of,
    forge: ({ header, claims }, { frontegg }) =>
      compose({ header: { ...header, alg: 'HS256' }, claims }, signWithSecret(frontegg.apiKey)),
  },
]

const byOrganization: Row[] = [
  saying('without a tenant', { tenantId: undefined }),
  saying('a tenant that is a number', { tenantId: 7 }),
  saying('a tenant that is empty', { tenantId: '' }),
  saying('a tenant that is null', { tenantId: null }),
  saying('a tenant with a blank', { tenantId: `${newFronteggId()} ${newFronteggId()}` }),
  saying('a tenant with a zero byte', { tenantId: 'acme\u0000' }),
  saying('a list of tenants', { tenantId: [newFronteggId()] }),
  saying('tenants without the active one', { tenantId: undefined, tenantIds: [newFronteggId()] }),
  {
    name: 'of a tenant that the person has left',
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
    name: 'of a tenant that was deleted',
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

export const fronteggRows: Row[] = [
  ...everywhere(of),
  encrypted(of),
  ...byIssuer,
  ...byKind,
  ...byOrganization,
]
