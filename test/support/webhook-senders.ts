import { createHmac, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { svixHeaders } from './vendors.ts'

/** A signed request. */
export interface Sent {
  path: string
  body: string
  headers: Record<string, string>
}

/** Who signs with a secret that is rotated. */
export interface Sender {
  setting: string
  secrets: [old: string, fresh: string]
  make(secret: string): Sent
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** One for each webhook secret; none of the requests changes a user or makes the service ask upstream. */
export const senders: Sender[] = [
  {
    setting: 'AIRTABLE_USER_SYNC_SECRET',
    secrets: ['the old secret of the table', 'the new secret of the table'],
    make(secret) {
      const user = { id: 'recWebhookPerson1', email: 'mary@example.com' }
      const occurredAt = '2026-11-20T10:00:00.000Z'
      const body = JSON.stringify({ eventId: randomUUID(), eventType: 'user.updated', occurredAt, user })
      const signature = createHmac('sha256', secret).update(body).digest('hex')
      return { path: '/api/sync/users/inbound', body, headers: { 'x-signature': signature } }
    },
  },
  {
    setting: 'CLERK_WEBHOOK_SECRET',
    secrets: ['whsec_b2xkLXNlY3JldC1vZi1jbGVyay0wMDAx', 'whsec_bmV3LXNlY3JldC1vZi1jbGVyay0wMDAy'],
    make(secret) {
      const body = JSON.stringify({ type: 'email.created', timestamp: Date.now(), data: {}, object: 'event' })
      return { path: '/api/sync/clerk', body, headers: svixHeaders(secret, `msg_${randomUUID()}`, body) }
    },
  },
  {
    setting: 'FRONTEGG_WEBHOOK_SECRET',
    secrets: ['the old secret of frontegg', 'the new secret of frontegg'],
    make(secret) {
      const iat = Math.floor(Date.now() / 1000)
      const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iat, exp: iat + 60, jti: randomUUID() })}`
      const proof = `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
      const body = JSON.stringify({ eventKey: 'frontegg.custom.ping', sentAt: randomUUID() })
      return { path: '/api/sync/frontegg', body, headers: { 'x-webhook-secret': proof } }
    },
  },
  {
    setting: 'SUPABASE_WEBHOOK_SECRET',
    secrets: ['the-old-secret-of-the-trigger', 'the-new-secret-of-the-trigger'],
    make(secret) {
      const record = { id: randomUUID(), email: 'new@example.com' }
      const body = JSON.stringify({
        type: 'INSERT',
        table: 'users',
        schema: 'auth',
        record,
        old_record: null,
      })
      return { path: '/api/sync/supabase', body, headers: { authorization: `Bearer ${secret}` } }
    },
  },
  {
    setting: 'SUPABASE_HOOK_SECRET',
    secrets: ['v1,whsec_b2xkLXNlY3JldC1vZi10aGUtaG9vaw==', 'v1,whsec_bmV3LXNlY3JldC1vZi10aGUtaG9vaw=='],
    make(secret) {
      const [id, at] = [randomUUID(), new Date()]
      const metadata = { name: 'before-user-created', uuid: id, time: at.toISOString() }
      const body = JSON.stringify({ metadata, user: { id: randomUUID(), email: 'new@example.com' } })
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': `${Math.floor(at.getTime() / 1000)}`,
        'webhook-signature': new Webhook(secret.replace('v1,', '')).sign(id, at, body),
      }
      return { path: '/api/sync/supabase/hooks', body, headers }
    },
  },
]

/** The settings of the upstreams that these come from. */
export const senderSettings = {
  UPSTREAMS: 'airtable,clerk,frontegg,supabase',
  USER_WEBHOOK_SYNC_ENABLED: 'true',
  CLERK_SECRET_KEY: 'sk_test_senders',
  CLERK_ISSUER: 'http://127.0.0.1:9/clerk',
  CLERK_API_URL: 'http://127.0.0.1:9',
  FRONTEGG_CLIENT_ID: 'client-of-senders',
  FRONTEGG_API_KEY: 'key-of-senders',
  FRONTEGG_ISSUER: 'http://127.0.0.1:9/frontegg',
  FRONTEGG_API_URL: 'http://127.0.0.1:9',
  SUPABASE_URL: 'http://127.0.0.1:9',
  SUPABASE_SECRET_KEY: 'sb_secret_senders',
}
