import { createHmac, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { createRolling } from '../../support/rolling.ts'
import { createVendors, svixHeaders } from '../../support/vendors.ts'

interface Sent {
  path: string
  body: string
  headers: Record<string, string>
}

interface Sender {
  setting: string
  secrets: [old: string, fresh: string]
  make(secret: string): Sent
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

const senders: Sender[] = [
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

t.test('each webhook secret is rotated while requests run, and none of them fails', async (t) => {
  const world = await createVendors(t)
  const airtable = {
    AIRTABLE_TOKEN: 'patSandbox.token',
    AIRTABLE_BASE_ID: 'appSandboxBase001',
    AIRTABLE_TABLE: 'Users',
    AIRTABLE_API_URL: 'http://127.0.0.1:9',
    USER_READTHROUGH_FALLBACK_ENABLED: 'false',
    USER_WEBHOOK_SYNC_ENABLED: 'true',
  }
  const start = async (choose: (secrets: Sender['secrets']) => string) => {
    const env = Object.fromEntries(senders.map(({ setting, secrets }) => [setting, choose(secrets)]))
    return (await world.start('airtable,clerk,frontegg,supabase', { ...airtable, ...env })).app
  }
  const rolling = createRolling(await start(([old]) => old))
  const post = ({ path, body, headers }: Sent) =>
    rolling.use((app) =>
      app.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/json', ...headers },
        body,
      }),
    )

  const failures: string[] = []
  const sent = new Map<string, number>()
  let index: 0 | 1 = 0
  let isDone = false
  async function send({ setting, secrets, make }: Sender): Promise<void> {
    while (!isDone) {
      const reply = await post(make(secrets[index]))
      sent.set(setting, (sent.get(setting) ?? 0) + 1)
      if (reply.statusCode !== 200) failures.push(`${setting} ${reply.statusCode} ${reply.body}`)
    }
  }
  const sending = Promise.all(senders.map(send))
  await rolling.go(20)
  await rolling.replace(await start(([old, fresh]) => `${fresh},${old}`))
  index = 1
  await rolling.go(20)
  await rolling.replace(await start(([, fresh]) => fresh))
  isDone = true
  await sending
  t.same(failures.slice(0, 5), [])
  t.equal(sent.size, senders.length)
  for (const { make, secrets } of senders)
    t.equal((await post(make(secrets[0]))).statusCode, 401, 'the old one')
})
