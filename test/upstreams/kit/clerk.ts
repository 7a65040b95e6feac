import { decodeJwt, decodeProtectedHeader } from 'jose'
import { Webhook } from 'svix'
import type { Test } from 'tap'
import { ada, grace } from '../../../sandbox/clerk/people.ts'
import { createClerkStandIn } from '../../../sandbox/clerk/stand-in.ts'
import type { SessionTokenOptions } from '../../../sandbox/clerk/tokens.ts'
import clerk from '../../../upstreams/clerk/index.ts'
import type { Subject } from '../../../upstreams/kit/index.ts'
import type { VerifiedToken } from '../../../upstreams/upstream.ts'
import { fixturesOf, settingsOf, standUp } from './stood.ts'

const secretKey = 'sk_test_kit0123456789'
const webhookSecret = `whsec_${Buffer.from('a key of 24 bytes, maybe').toString('base64')}`
const organization = 'org_2AnalyticalEngines00000000'
const acme = 'org_2g7np7Hrk0SN6kj5EDMLDaKNL0S'
const jane = 'user_2h8op3Isl1QR7tKu5FGNfaLKEoU'
const joined = [
  `organization.upserted ${acme}`,
  `user.upserted ${jane}`,
  `membership.upserted ${acme} ${jane}`,
]

const told: Record<string, string[]> = {
  'organization.created': [`organization.upserted ${acme}`],
  'organization.deleted': [`organization.deleted ${acme}`],
  'organization.updated': [`organization.upserted ${acme}`],
  'organizationMembership.created': joined,
  'organizationMembership.deleted': [`membership.deleted ${acme} ${jane}`],
  'organizationMembership.updated': joined,
  'session.created': [],
  'user.created': [`user.upserted ${jane}`],
  'user.deleted': [`user.deleted ${jane}`],
  'user.updated': [`user.upserted ${jane}`],
}

function sign(name: string, body: string, { secret = webhookSecret, at = Date.now() } = {}) {
  const id = `msg_${name}`.replaceAll(/\W/g, '_')
  const headers = {
    'svix-id': id,
    'svix-timestamp': `${Math.floor(at / 1000)}`,
    'svix-signature': new Webhook(secret).sign(id, new Date(at), body),
  }
  return { name, body, headers }
}

export async function openClerk(t: Test): Promise<Subject> {
  const standIn = createClerkStandIn({ secretKey, webhookSecret })
  const { apiUrl, ...stood } = await standUp(t, standIn)
  async function tokenOf(options: SessionTokenOptions): Promise<VerifiedToken> {
    const jwt = await standIn.sessionToken(options)
    return { header: { ...decodeProtectedHeader(jwt) }, payload: decodeJwt<VerifiedToken['payload']>(jwt) }
  }
  const at = { userId: ada, organizationId: organization }
  const profile = { email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace' }
  const actor = { act: { iss: 'https://dashboard.clerk.com', sub: 'user_2admin' } }
  const other = `whsec_${Buffer.from('another key of 24 bytes!').toString('base64')}`
  return {
    ...stood,
    definition: clerk,
    settings: settingsOf(clerk, {
      CLERK_SECRET_KEY: secretKey,
      CLERK_ISSUER: apiUrl,
      CLERK_API_URL: apiUrl,
      CLERK_WEBHOOK_SECRET: [webhookSecret],
    }),
    secrets: [secretKey, webhookSecret],
    people: [
      { id: ada, email: 'ada@example.com', word: 'Lovelace' },
      { id: grace, email: 'grace@example.com' },
      { id: 'user_2AlanTuring00000000000000', email: 'alan@example.com' },
    ],
    stranger: { id: 'user_2Nobody0000000000000000', email: 'nobody@example.com' },
    memberships: {
      known: [`${organization} ${ada}`, `${organization} ${grace}`],
      unknown: `${organization} user_2Nobody0000000000000000`,
    },
    organizations: {
      known: [{ id: organization, name: 'Analytical Engines' }],
      unknown: 'org_2Nobody00000000000000000',
    },
    webhook: {
      samples: fixturesOf('clerk').map(([name, body]) => ({
        ...sign(name, body),
        tells: told[name] ?? ['?'],
      })),
      forged: [
        sign('by another secret', '{}', { secret: other }),
        sign('of yesterday', '{}', { at: Date.now() - 86_400_000 }),
      ],
      proof: ['svix-id', 'svix-timestamp', 'svix-signature'],
    },
    tokens: {
      accepted: [
        { name: 'of version 1', token: await tokenOf({ ...at, version: 1 }), user: ada, organization },
        { name: 'of version 2', token: await tokenOf(at), user: ada, organization },
        { name: 'with a profile', token: await tokenOf({ ...at, claims: profile }), user: ada, organization },
        { name: 'alone', token: await tokenOf({ userId: grace }), user: grace },
        {
          name: 'by somebody else',
          token: await tokenOf({ ...at, claims: actor }),
          user: ada,
          organization,
          isImpersonated: true,
        },
      ],
      refused: [
        { name: 'pending', token: await tokenOf({ ...at, claims: { sts: 'pending' } }) },
        { name: 'of a machine', token: await tokenOf({ ...at, claims: { sub: 'mch_2machine' } }) },
        { name: 'of OAuth', token: await tokenOf({ ...at, header: { typ: 'at+jwt' } }) },
        { name: 'of a template', token: await tokenOf({ ...at, claims: { sid: undefined } }) },
      ],
    },
  }
}
