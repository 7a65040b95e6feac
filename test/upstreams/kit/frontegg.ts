import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Test } from 'tap'
import type { AccessTokenOptions } from '../../../sandbox/frontegg/access-tokens.ts'
import { seeded } from '../../../sandbox/frontegg/people.ts'
import { createFronteggStandIn } from '../../../sandbox/frontegg/stand-in.ts'
import frontegg from '../../../upstreams/frontegg/index.ts'
import type { Subject } from '../../../upstreams/kit/index.ts'
import type { VerifiedToken } from '../../../upstreams/upstream.ts'
import { fixturesOf, settingsOf, standUp } from './stood.ts'

const { acme, globex, ada, grace, alan, katherine } = seeded
const nobody = '00000000-0000-4000-8000-000000000000'
const whole = [`organization.upserted ${acme}`, `user.upserted ${ada}`, `membership.upserted ${acme} ${ada}`]

const told: Record<string, string[]> = {
  custom: whole,
  'tenant-created': [`organization.upserted ${acme}`],
  'user-authenticated': whole,
  'user-created': whole,
  'user-deleted': [`organization.upserted ${acme}`, `user.vanished ${nobody}`],
  'user-disabled-mfa': whole,
  'user-enrolled-mfa': whole,
  'user-invited-to-tenant': [
    `organization.upserted ${globex}`,
    `user.upserted ${katherine}`,
    `membership.upserted ${acme} ${katherine}`,
    `membership.upserted ${globex} ${katherine}`,
  ],
}

export async function openFrontegg(t: Test): Promise<Subject> {
  const standIn = createFronteggStandIn()
  const { apiUrl, ...stood } = await standUp(t, standIn)
  async function sign(name: string, body: string, overrides = {}) {
    const { headers } = await standIn.webhook('frontegg.user.created', {}, overrides)
    return { name, body, headers: { ...headers } }
  }
  function tokenOf(options: AccessTokenOptions): VerifiedToken {
    const jwt = standIn.accessToken(options)
    return { header: { ...decodeProtectedHeader(jwt) }, payload: decodeJwt<VerifiedToken['payload']>(jwt) }
  }
  const at = { userId: ada, tenantId: acme }
  const samples = fixturesOf('frontegg').map(async ([name, body]) => ({
    // Whoever was deleted is nobody's.
    ...(await sign(name, name === 'user-deleted' ? body.replaceAll(ada, nobody) : body)),
    tells: told[name] ?? ['?'],
  }))
  const impersonated = tokenOf({ ...at, claims: { impersonatorUserId: grace } })
  return {
    ...stood,
    definition: frontegg,
    settings: settingsOf(frontegg, {
      FRONTEGG_CLIENT_ID: standIn.clientId,
      FRONTEGG_API_KEY: standIn.apiKey,
      FRONTEGG_ISSUER: standIn.issuer,
      FRONTEGG_API_URL: apiUrl,
      FRONTEGG_WEBHOOK_SECRET: [standIn.webhookSecret],
    }),
    secrets: [standIn.apiKey, standIn.webhookSecret],
    isLogin: ({ url }) => url.endsWith('/auth/vendor'),
    people: [
      { id: ada, email: 'ada@example.com', word: 'Ada Lovelace' },
      { id: grace, email: 'Grace@Example.com' },
      { id: alan, email: 'alan@example.com' },
    ],
    stranger: { id: nobody, email: 'nobody@example.com' },
    memberships: {
      known: [`${acme} ${ada}`, `${acme} ${grace}`, `${globex} ${katherine}`],
      unknown: `${globex} ${nobody}`,
    },
    organizations: {
      known: [
        { id: acme, name: 'Acme Inc.' },
        { id: globex, name: 'Globex' },
      ],
      unknown: nobody,
    },
    webhook: {
      samples: await Promise.all(samples),
      forged: [
        await sign('by another secret', '{}', { secret: 'another secret' }),
        await sign('of tomorrow', '{}', { claims: { iat: Math.floor(Date.now() / 1000) + 86_400 } }),
      ],
      proof: ['x-webhook-secret'],
      isBodyUnproved: true,
      isHint: true,
    },
    tokens: {
      accepted: [
        { name: 'of a person', token: tokenOf(at), user: ada, organization: acme },
        {
          name: 'of somebody whose address is not verified',
          token: tokenOf({ userId: alan, tenantId: acme }),
          user: alan,
          organization: acme,
        },
        {
          name: 'by somebody else',
          token: impersonated,
          user: ada,
          organization: acme,
          isImpersonated: true,
        },
      ],
      refused: (['userApiToken', 'tenantApiToken', 'userAccessToken', 'tenantAccessToken'] as const).map(
        (type) => ({ name: type, token: tokenOf({ ...at, type }) }),
      ),
    },
  }
}
