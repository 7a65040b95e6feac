import { createHmac } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { seeded } from '../../../sandbox/frontegg/people.ts'
import type { WebhookOverrides } from '../../../sandbox/frontegg/webhook.ts'
import { fixtures, openFrontegg } from './called.ts'

const { acme, globex, ada, katherine } = seeded
const refused = { code: 'FL_SIGNATURE_INVALID' }
const about = { userId: ada, tenantId: acme }

/** An event from its headers to its changes. */
async function openWebhook(...args: Parameters<typeof openFrontegg>) {
  const opened = await openFrontegg(...args)
  const { standIn, webhook } = opened
  async function receive(eventKey: string, who: object = about, overrides: WebhookOverrides = {}) {
    const { headers, body } = await standIn.webhook(eventKey, who, overrides)
    return webhook.read(JSON.parse(body), webhook.verify(Buffer.from(body), headers))
  }
  async function prove(overrides: WebhookOverrides) {
    const { headers, body } = await standIn.webhook('frontegg.user.created', about, overrides)
    return webhook.verify(Buffer.from(body), headers)
  }
  const verify = (token: string | string[] | undefined) =>
    webhook.verify(Buffer.from('{}'), { 'x-webhook-secret': token })
  return { ...opened, receive, prove, verify }
}

t.test('the proof is a JWT by the secret, and by nothing else that a library can sign with', async (t) => {
  const { verify, standIn } = await openWebhook(t)
  const sign = (jwt: SignJWT, alg = 'HS256', secret = standIn.webhookSecret) =>
    jwt.setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))
  t.match(verify(await sign(new SignJWT().setIssuedAt())), { dialect: 'frontegg', messageId: /^[\w-]{43}$/ })
  t.ok(verify(await sign(new SignJWT().setIssuedAt().setExpirationTime('1m'))))
  t.ok(verify(await sign(new SignJWT({ vendorId: 'v' }).setIssuedAt())))
  const another = await sign(new SignJWT().setIssuedAt(), 'HS256', 'another secret')
  const longer = await sign(new SignJWT().setIssuedAt(), 'HS512', standIn.webhookSecret.padEnd(64, '\0'))
  const undated = await sign(new SignJWT({ exp: 9e9 }))
  for (const bad of [another, longer, undated, new UnsecuredJWT().setIssuedAt().encode()])
    t.throws(() => verify(bad), refused)
})

t.test('a proof of another kind is refused, whoever made it', async (t) => {
  const { prove, verify, standIn } = await openWebhook(t)
  for (const header of [
    { alg: 'none' },
    { alg: 'RS256' },
    { alg: 'hs256' },
    { alg: ['HS256'] },
    { crit: ['exp'] },
  ])
    await t.rejects(prove({ header }), refused, JSON.stringify(header))
  const { headers } = await standIn.webhook('frontegg.user.created', about)
  const good = headers['x-webhook-secret']
  t.ok(verify(good))
  const [head = '', claims = '', mac = ''] = good.split('.')
  const other = Buffer.from('{"iat":1,"who":"eve"}').toString('base64url')
  for (const bad of [
    undefined,
    '',
    'secret',
    standIn.webhookSecret,
    `${head}.${claims}`,
    `${head}.${claims}.`,
    `${good}.`,
    `${good}.${mac}`,
    `${good}=`,
    `${head}.${other}.${mac}`,
    `${head}.${claims}.${mac.slice(0, -2)}`,
    `${head}.${claims}.${mac.startsWith('A') ? 'B' : 'A'}${mac.slice(1)}`,
    `${good}, ${good}`,
    'x'.repeat(5000),
  ])
    t.throws(() => verify(bad), refused, String(bad))
  t.throws(() => verify([good, good]), refused)
})

t.test('a proof that has ended, or was not issued within five minutes of now, is refused', async (t) => {
  const now = Date.parse('2026-11-21T12:00:00.000Z')
  const { prove } = await openWebhook(t, { clock: () => now })
  const at = (seconds: number) => now / 1000 + seconds
  for (const claims of [{ exp: at(1) }, { iat: at(300) }, { iat: at(-300) }, { nbf: at(300) }])
    t.ok(await prove({ claims }), JSON.stringify(claims))
  for (const claims of [
    { exp: at(0) },
    { exp: at(-1) },
    { exp: null },
    { exp: 'tomorrow' },
    { iat: at(301) },
    { iat: at(-301) },
    { iat: at(-86_400), exp: at(60) },
    { iat: undefined },
    { iat: null },
    { iat: String(at(0)) },
    { nbf: at(301) },
  ])
    await t.rejects(prove({ claims }), refused, JSON.stringify(claims))
})

t.test('several secrets are live at once', async (t) => {
  const { prove } = await openWebhook(t, {
    settings: { FRONTEGG_WEBHOOK_SECRET: ['the old one', 'the new one'] },
  })
  t.ok(await prove({ secret: 'the old one' }))
  t.ok(await prove({ secret: 'the new one' }))
  await t.rejects(prove({}), refused)
})

t.test('every kind of event that Frontegg documents is read, and says what the API says', async (t) => {
  const { webhook, standIn } = await openWebhook(t)
  const expected: Record<string, string[]> = {
    custom: ['organization.upserted', 'user.upserted', 'membership.upserted'],
    'tenant-created': ['organization.upserted'],
    'user-authenticated': ['organization.upserted', 'user.upserted', 'membership.upserted'],
    'user-created': ['organization.upserted', 'user.upserted', 'membership.upserted'],
    'user-deleted': ['organization.upserted', 'user.vanished'],
    'user-disabled-mfa': ['organization.upserted', 'user.upserted', 'membership.upserted'],
    'user-enrolled-mfa': ['organization.upserted', 'user.upserted', 'membership.upserted'],
    'user-invited-to-tenant': [
      'organization.upserted',
      'user.upserted',
      'membership.upserted',
      'membership.upserted',
    ],
  }
  const { headers } = await standIn.webhook('frontegg.user.created', about)
  const events = fixtures()
  t.strictSame(Object.keys(events).sort(), Object.keys(expected))
  for (const [name, body] of Object.entries(events)) {
    const delivery = webhook.verify(Buffer.from(JSON.stringify(body)), headers)
    if (name === 'user-deleted') standIn.users.remove(ada)
    const event = await webhook.read(body, delivery)
    if (name === 'user-deleted') {
      standIn.users.put({ id: ada, email: 'ada@example.com', name: 'Ada Lovelace' })
      standIn.memberships.put({ userId: ada, tenantId: acme, roles: ['Admin'] })
    }
    t.strictSame(
      event.changes.map(({ type }) => type),
      expected[name],
      name,
    )
  }
})

t.test('an event is a hint: what it claims of somebody is worth nothing', async (t) => {
  const { receive } = await openWebhook(t)
  const user = {
    id: ada,
    email: 'mallory@example.com',
    verified: true,
    name: 'Mallory',
    tenantIds: [acme, globex],
    tenants: [{ tenantId: globex, roles: [{ id: 'x', key: 'Owner', name: 'Owner' }] }],
    roles: [{ id: 'x', key: 'Owner', name: 'Owner' }],
  }
  const { changes, payload } = await receive('frontegg.user.created', about, { body: { user } })
  t.notMatch(JSON.stringify([changes, payload]), /mallory|owner/i)
  t.match(changes, [
    { type: 'organization.upserted', fields: { name: 'Acme Inc.' }, created: false },
    { type: 'user.upserted', externalId: ada, fields: { email: 'ada@example.com' }, created: true },
    { type: 'membership.upserted', externalId: `${acme} ${ada}`, fields: { grant: { roles: ['Admin'] } } },
  ])
  t.equal(changes.length, 3)
})

t.test('that somebody was deleted is believed when a listing lacks them, and not before', async (t) => {
  const now = Date.parse('2026-11-21T12:00:00.000Z')
  const { receive, standIn } = await openWebhook(t, { clock: () => now })
  const still = await receive('frontegg.user.deleted')
  t.strictSame(
    still.changes.map(({ type }) => type),
    ['organization.upserted', 'user.upserted', 'membership.upserted'],
  )
  standIn.users.remove(ada)
  const { changes } = await receive('frontegg.user.deleted', { userId: ada })
  t.strictSame(changes, [
    {
      type: 'user.vanished',
      upstream: 'frontegg',
      externalId: ada,
      stamp: { at: now, event: 'read 2026-11-21T12:00:00.000Z' },
    },
  ])
  t.strictSame((await receive('frontegg.user.authenticated', { userId: ada })).changes, [])
})

t.test('a membership that is gone or disabled is told as such', async (t) => {
  const { receive, standIn } = await openWebhook(t)
  const who = { userId: katherine, tenantId: globex }
  standIn.memberships.put({ ...who, roles: ['Admin'], isDisabled: true })
  const vanished = { type: 'membership.vanished', externalId: `${globex} ${katherine}` }
  t.match(
    (await receive('frontegg.user.updated', who)).changes.filter(({ type }) => type.startsWith('membership')),
    [{ type: 'membership.upserted', externalId: `${acme} ${katherine}` }, vanished],
  )
  standIn.memberships.remove(katherine, globex)
  t.match((await receive('frontegg.user.removedFromTenant', who)).changes.at(-1), vanished)
})

t.test('an event without an id of a user or a tenant is of no interest, and costs no call', async (t) => {
  const { receive, webhook, standIn } = await openWebhook(t)
  standIn.resetCalls()
  const odd = { user: { id: 'ada@example.com' }, eventContext: { tenantId: 'a tenant' } }
  t.match(await receive('frontegg.unheard.of', {}, { body: odd }), {
    type: 'frontegg.unheard.of',
    changes: [],
    payload: { eventKey: 'frontegg.unheard.of' },
  })
  t.match(await webhook.read({}, { dialect: 'frontegg' }), { type: 'unknown', changes: [] })
  t.equal(standIn.calls().total, 0)
  await t.rejects(async () => webhook.read('text', { dialect: 'frontegg' }), { code: 'FL_PAYLOAD_INVALID' })
})

t.test(
  'an event has the same id on every attempt with its proof, and another one when anything differs',
  async (t) => {
    const { webhook } = await openWebhook(t)
    const idOf = async (body: object, messageId = 'proof') =>
      (await webhook.read(body, { dialect: 'frontegg', messageId })).id
    const body = { eventKey: 'frontegg.a', who: { b: [1, { c: 2, d: 3 }] } }
    const id = await idOf(body)
    t.match(id, /^frontegg-[0-9a-f]{64}$/)
    t.equal(await idOf({ who: { b: [1, { d: 3, c: 2 }] }, eventKey: 'frontegg.a' }), id)
    t.not(await idOf({ ...body, eventKey: 'frontegg.b' }), id)
    t.not(await idOf({ ...body, who: { b: [{ c: 2, d: 3 }, 1] } }), id)
    t.not(await idOf({ ...body, userId: ada }), id)
    t.not(await idOf(body, 'another proof'), id)
  },
)

t.test('a kept event is read again under its own name, and asks upstream anew', async (t) => {
  const { receive, webhook, standIn } = await openWebhook(t)
  const event = await receive('frontegg.user.invitedToTenant', { userId: katherine, tenantId: globex })
  t.strictSame(event.payload, {
    eventKey: 'frontegg.user.invitedToTenant',
    userId: katherine,
    tenantId: globex,
    arrivedAt: event.occurredAt,
  })
  standIn.users.put({ id: katherine, name: 'Katherine G. Johnson' })
  const again = await webhook.read(event.payload, { dialect: 'kept', messageId: event.id })
  t.match(again, { id: event.id, type: event.type, payload: event.payload })
  t.match(again.changes, [{}, { fields: { name: 'Katherine G. Johnson' } }, {}, {}])
})

t.test(
  'a hint that is tried again is as old as its arrival, however often, and no body says when',
  async (t) => {
    const arrivedAt = Date.parse('2026-11-21T12:00:00.000Z')
    let now = arrivedAt
    const { webhook, standIn } = await openWebhook(t, { clock: () => now })
    standIn.setFault({ kind: 'error_500' })
    const body = { eventKey: 'frontegg.user.created', user: { id: ada }, arrivedAt: arrivedAt + 9e8 }
    let kept = await webhook.read(body, { dialect: 'frontegg', messageId: 'proof' })
    for (let attempt = 0; attempt < 3; attempt++) {
      t.match(kept, { occurredAt: arrivedAt, refusal: { code: 'FL_UPSTREAM_UNAVAILABLE' } })
      now += 3_600_000
      kept = await webhook.read(kept.payload, { dialect: 'kept', messageId: kept.id })
    }
    const { arrivedAt: _, ...older } = { ...kept.payload, arrivedAt }
    t.match(await webhook.read(older, { dialect: 'kept', messageId: kept.id }), { occurredAt: now })
  },
)

t.test('while upstream is away an event is not lost but refused', async (t) => {
  const { webhook, standIn } = await openWebhook(t)
  standIn.setFault({ kind: 'error_500' })
  const body = { eventKey: 'frontegg.user.created', user: { id: ada } }
  t.match(await webhook.read(body, { dialect: 'frontegg' }), {
    changes: [],
    refusal: { code: 'FL_UPSTREAM_UNAVAILABLE' },
    payload: { userId: ada },
  })
})

t.test('what an event is called is kept as it is only where it is a plain name', async (t) => {
  const { webhook } = await openWebhook(t)
  for (const eventKey of ['frontegg.user.enrolledMFA', 'our_own-event.2', 'x'.repeat(100)])
    t.match(await webhook.read({ eventKey }, { dialect: 'frontegg' }), {
      type: eventKey,
      payload: { eventKey },
    })
  for (const eventKey of [
    'ada@example.com',
    'two words',
    'x\n',
    '\u001b[31m',
    'é',
    '',
    'x'.repeat(101),
    7,
    {},
  ]) {
    const event = await webhook.read({ eventKey }, { dialect: 'frontegg' })
    t.match(event, { type: 'unknown', payload: { eventKey: 'unknown' } }, JSON.stringify(eventKey))
  }
})

t.test('a hint costs three calls at most, whatever it names', async (t) => {
  const { receive, standIn } = await openWebhook(t)
  await receive('frontegg.user.created')
  standIn.resetCalls()
  await receive('frontegg.user.created', { userId: katherine, tenantId: globex })
  t.equal(standIn.calls().total, 3)
})

t.test('names with a NUL, and depths without end, do no harm', async (t) => {
  const { webhook } = await openWebhook(t)
  let deep: object = {}
  for (let depth = 0; depth < 5000; depth++) deep = { deep }
  const { type } = await webhook.read({ eventKey: 'frontegg\0odd', deep }, { dialect: 'frontegg' })
  t.equal(type, 'unknown')
  const mac = createHmac('sha256', 'x').update('y').digest('base64url')
  t.throws(() => webhook.verify(Buffer.alloc(0), { 'x-webhook-secret': `e30.e30.${mac}` }), refused)
})
