import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { post, send, signatureOf, syncOn, syncSecret, type TestEvent, toEvent } from '../../support/events.ts'
import { createWorld, type Service, type World } from '../../support/service.ts'
import { bearer, isProblem } from '../auth/client.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 10, 0, seconds)).toISOString()

async function setUp(t: Test, env: Record<string, string> = {}) {
  const world = await createWorld(t)
  const service = await world.start({ ...syncOn, ...env })
  return { world, service, tell: (own: Partial<TestEvent>) => tell(service, own) }
}

/** The result, or the code of why not. */
async function tell(service: Service, own: Partial<TestEvent>): Promise<string> {
  const reply = (await send(service, toEvent(own))).json<{ result?: string; code?: string }>()
  return reply.result ?? reply.code ?? ''
}

function peopleOf({ sql }: World) {
  return sql`select email, name, status, role from firstlogin.users order by id`
}

t.test('user.created, user.updated and user.deleted each do what they say', async (t) => {
  const { world, tell } = await setUp(t)
  t.equal(await tell({ occurredAt: at(1), user: { role: 'member' } }), 'processed')
  t.equal(await tell({ eventType: 'user.updated', occurredAt: at(2), user: { name: 'May' } }), 'processed')
  t.match(await peopleOf(world), [{ name: 'May', status: 'active', role: 'member' }])
  t.equal(await tell({ eventType: 'user.deleted', occurredAt: at(3) }), 'processed')
  t.match(await peopleOf(world), [{ status: 'deleted' }])
})

t.test('user.id is optional if an e-mail is given: each type works by e-mail alone', async (t) => {
  const { world, tell } = await setUp(t)
  for (const id of [undefined, null]) {
    const user = { id, email: ` ${id}.Ada@Example.com`, name: 'Ada' }
    t.equal(await tell({ occurredAt: at(1), user }), 'processed')
    const renamed = { ...user, email: `${id}.ADA@example.com `, name: 'Ada L.' }
    t.equal(await tell({ eventType: 'user.updated', occurredAt: at(2), user: renamed }), 'processed')
    const [person] = await world.sql`
      select name, status from firstlogin.users where email_canonical = ${`${id}.ada@example.com`}`
    t.same(person, { name: 'Ada L.', status: 'active' })
    const nobody = { id, email: user.email, name: undefined }
    t.equal(await tell({ eventType: 'user.deleted', occurredAt: at(3), user: nobody }), 'processed')
    const [gone] = await world.sql`
      select status from firstlogin.users where email_canonical = ${`${id}.ada@example.com`}`
    t.same(gone, { status: 'deleted' })
  }
  for (const user of [
    { id: undefined, email: undefined },
    { id: undefined, email: null },
    { id: null, email: '' },
    { id: '' },
    { id: 'mailto:ada@example.com' },
    { id: 'rec with a space' },
    { id: 'x'.repeat(256) },
  ])
    t.equal(await tell({ user }), 'FL_PAYLOAD_INVALID', JSON.stringify(user).slice(0, 60))
})

t.test('unknown keys are tolerated; unknown event types are ignored, whatever their user is', async (t) => {
  const { world, service, tell } = await setUp(t)
  const more = { ...toEvent({ user: { shoeSize: 38, nested: { deep: [1] } } }), version: 2, trace: null }
  t.equal((await send(service, more)).json().result, 'processed')
  for (const user of [undefined, null, 7, 'text', [], {}, { id: 7 }, { email: ['x'] }]) {
    const event = {
      ...toEvent({ eventType: 'user.promoted' }),
      user: user as never,
      occurredAt: user as never,
    }
    const reply = await send(service, event)
    t.same([reply.statusCode, reply.json()], [200, { result: 'ignored', eventId: event.eventId }])
    t.equal((await send(service, event)).json().result, 'replayed')
  }
  t.equal(await tell({ eventType: 'USER.CREATED' }), 'ignored')
  t.equal((await peopleOf(world)).length, 1)
})

t.test('a body of another shape is FL_PAYLOAD_INVALID, with the place and never the value', async (t) => {
  const { world, service } = await setUp(t)
  const good = toEvent()
  const { eventId: _, ...nameless } = good
  for (const [body, place] of [
    [nameless, 'eventId'],
    [{ ...good, eventId: '' }, 'eventId'],
    [{ ...good, eventId: 'hunter2\n' }, 'eventId'],
    [{ ...good, eventType: 3 }, 'eventType'],
    [{ ...good, occurredAt: undefined }, 'occurredAt'],
    [{ ...good, occurredAt: 'hunter2' }, 'occurredAt'],
    [{ ...good, occurredAt: '2026-11-20T10:00:00' }, 'occurredAt'],
    [{ ...good, user: null }, 'user'],
    [{ ...good, user: { id: 'recX', email: { hunter2: 1 } } }, 'user.email'],
    [{ ...good, user: { id: 'recX', name: ['hunter2'] } }, 'user.name'],
  ] as const) {
    const reply = await post(service, JSON.stringify(body))
    isProblem(t, reply, 'FL_PAYLOAD_INVALID', place)
    t.match(reply.json().detail, place)
    t.notMatch(reply.body, 'hunter2')
  }
  t.same(await peopleOf(world), [])
  t.same(await world.sql`select from firstlogin.inbound_events`, [])
})

t.test('X-Signature is hex HMAC-SHA256, bare or as sha256=, under any of several live secrets', async (t) => {
  const { service } = await setUp(t, { AIRTABLE_USER_SYNC_SECRET: ' the old one, the new one ' })
  for (const secret of ['the old one', 'the new one']) {
    for (const prefix of ['', 'sha256=']) {
      const body = JSON.stringify(toEvent())
      const reply = await post(service, body, { 'x-signature': `${prefix}${signatureOf(body, secret)}` })
      t.equal(reply.statusCode, 200, `${prefix} ${secret}`)
    }
  }
  const body = JSON.stringify(toEvent())
  for (const secret of [' the old one', 'the old one, the new one', 'the very old one'])
    isProblem(
      t,
      await post(service, body, { 'x-signature': signatureOf(body, secret) }),
      'FL_SIGNATURE_INVALID',
    )
})

t.test('Standard Webhooks headers with the same secret, as text or in its whsec_ form', async (t) => {
  const world = await createWorld(t)
  const whsec = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`
  for (const [secret, signer] of [
    [syncSecret, new Webhook(syncSecret, { format: 'raw' })],
    [whsec, new Webhook(whsec)],
    [whsec.slice('whsec_'.length), new Webhook(whsec)],
  ] as const) {
    const service = await world.start({ ...syncOn, AIRTABLE_USER_SYNC_SECRET: secret })
    const body = JSON.stringify(toEvent())
    const signed = (when: Date, of = body) => ({
      'webhook-id': 'msg_1',
      'webhook-timestamp': `${Math.floor(when.getTime() / 1000)}`,
      'webhook-signature': signer.sign('msg_1', when, of),
    })
    t.equal((await post(service, body, signed(new Date()))).statusCode, 200)
    const old = new Date(Date.now() - 310_000)
    for (const headers of [
      signed(old),
      signed(new Date(), `${body} `),
      { ...signed(new Date()), 'webhook-id': 'msg_2' },
    ])
      isProblem(t, await post(service, body, headers), 'FL_SIGNATURE_INVALID')
    const weaker = { ...signed(old), 'x-signature': signatureOf(body, secret) }
    isProblem(t, await post(service, body, weaker), 'FL_SIGNATURE_INVALID', 'the stronger one decides')
    t.equal((await post(service, body, { 'x-signature': signatureOf(body, secret) })).statusCode, 200)
  }
})

t.test(
  'AIRTABLE_USER_SYNC_SECRET_FILE names a Docker secret, and the setting is named without one',
  async (t) => {
    const path = join(t.testdir({}), 'mfa_airtable_user_sync_secret')
    await writeFile(path, `${syncSecret}\n`)
    const world = await createWorld(t)
    const env = { USER_WEBHOOK_SYNC_ENABLED: 'true' }
    const service = await world.start({ ...env, AIRTABLE_USER_SYNC_SECRET_FILE: path })
    t.equal(await tell(service, {}), 'processed')
    await t.rejects(
      world.start(env),
      { name: 'ConfigError', message: /- AIRTABLE_USER_SYNC_SECRET is missing/ },
      'with the flag on and no secret the setting is named',
    )
    await writeFile(path, '\n')
    await t.rejects(world.start({ ...env, AIRTABLE_USER_SYNC_SECRET_FILE: path }), {
      message: /- AIRTABLE_USER_SYNC_SECRET is missing/,
    })
  },
)

t.test('older news never overwrites newer news, and deletion leaves a tombstone', async (t) => {
  const { world, tell } = await setUp(t)
  const name = async () => (await peopleOf(world))[0]?.['name']
  t.equal(await tell({ occurredAt: at(10), user: { name: 'New' } }), 'processed')
  t.equal(await tell({ eventType: 'user.updated', occurredAt: at(5), user: { name: 'Old' } }), 'stale')
  t.equal(await name(), 'New')
  t.equal(await tell({ eventType: 'user.deleted', occurredAt: at(4) }), 'stale', 'created after it')
  const tie = { eventType: 'user.updated', occurredAt: at(11) }
  t.equal(await tell({ ...tie, eventId: 'tie_b', user: { name: 'B' } }), 'processed')
  t.equal(await tell({ ...tie, eventId: 'tie_a', user: { name: 'A' } }), 'stale', 'a tie goes by event id')
  t.equal(await tell({ ...tie, eventId: 'tie_c', user: { name: 'C' } }), 'processed')
  t.equal(await name(), 'C')
  t.equal(await tell({ eventType: 'user.deleted', occurredAt: at(20) }), 'processed')
  for (const [eventType, seconds] of [
    ['user.created', 19],
    ['user.created', 20],
    ['user.updated', 19],
    ['user.updated', 30],
  ] as const)
    t.equal(await tell({ eventType, occurredAt: at(seconds) }), 'stale', `${eventType} ${seconds}`)
  t.match(await peopleOf(world), [{ status: 'deleted' }])
  t.equal(await tell({ eventType: 'user.created', occurredAt: at(31) }), 'processed')
  t.match(await peopleOf(world), [{ status: 'active' }])
})

t.test('deleting or disabling ends every session of the person in the same transaction', async (t) => {
  const { world, service, tell } = await setUp(t)
  const [ada] = world.airtable.records.list().filter(({ fields }) => fields['Email'] === 'ada@example.com')
  const login = () => service.login('ada@example.com', 'analytical-engine')
  const since = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString()
  const user = { id: ada?.id, email: 'ada@example.com', name: 'Ada' }
  const updated = (seconds: number, status: string) =>
    tell({ eventType: 'user.updated', occurredAt: since(seconds), user: { ...user, status } })
  const xids = () => world.sql<{ kinds: number; alive: number }[]>`
    select count(distinct xmin::text)::int as kinds, count(*) filter (where ended_at is null)::int as alive
    from (
      select xmin, ended_at from firstlogin.sessions
      union all select xmin, now() from firstlogin.users union all
      select xmin, now() from firstlogin.inbound_events where occurred_at = (
        select max(occurred_at) from firstlogin.inbound_events)) as rows`

  const [first, second] = [await login(), await login()]
  t.equal(await updated(60, 'disabled'), 'processed')
  t.same(await xids(), [{ kinds: 1, alive: 0 }], 'sessions, person and event were written together')
  for (const reply of [first, second]) {
    const headers = bearer(reply.json().accessToken)
    isProblem(t, await service.app.inject({ url: '/api/auth/me', headers }), 'FL_SESSION_INVALID')
  }
  isProblem(t, await login(), 'FL_ACCOUNT_INACTIVE')
  t.equal(await updated(61, 'active'), 'processed')
  t.equal((await login()).statusCode, 200)
  t.equal(await tell({ eventType: 'user.deleted', occurredAt: since(62), user }), 'processed')
  const [left] = await world.sql`select count(*)::int as n from firstlogin.sessions where ended_at is null`
  t.same(left, { n: 0 })
  isProblem(t, await login(), 'FL_CREDENTIALS_INVALID')
})

t.test('words for status and role are mapped; an unknown status lets nobody in and is logged', async (t) => {
  const { world, service, tell } = await setUp(t, {
    AIRTABLE_STATUS_MAP: '{"On Leave":"disabled","Hired":"active"}',
    AIRTABLE_ROLE_MAP: '{"Chief":"owner"}',
  })
  const told = async (words: object) => {
    t.equal(await tell({ user: { id: `rec${seen}`, email: `p${seen}@example.com`, ...words } }), 'processed')
    const [person] = await world.sql`
      select status, role from firstlogin.users where email_canonical = ${`p${seen++}@example.com`}`
    return person?.['status'] === 'active' ? person?.['role'] : person?.['status']
  }
  let seen = 0
  for (const status of ['active', ' ENABLED ', '', null, 'hired'])
    t.equal(await told({ status, role: 'Administrator' }), 'admin', `${status}`)
  for (const status of ['Disabled', 'on leave', 'deleted'])
    t.equal(await told({ status }), 'disabled', status)
  t.notOk(service.log.some(({ event }) => event === 'status.unknown'))
  t.equal(await told({ status: 'Pondering' }), 'disabled')
  t.match(
    service.log.filter(({ event }) => event === 'status.unknown'),
    [{ level: 40, status: 'Pondering' }],
  )
  for (const [word, role] of [
    ['CHIEF', 'owner'],
    ['Staff', 'member'],
    ['Wizard', 'viewer'],
    ['', 'viewer'],
    ['__proto__', 'viewer'],
  ] as const)
    t.equal(await told({ role: word }), role, word)
})

t.test('an address is never cut into another', async (t) => {
  const { world, tell } = await setUp(t)
  await tell({ user: { email: `${' '.repeat(986)}ada@example.community` } })
  t.match(await peopleOf(world), [{ email: 'ada@example.community' }])
})

t.test('counters and log lines have the names that others watch, and no secret', async (t) => {
  const { service, tell } = await setUp(t, { LOG_LEVEL: 'trace' })
  const counter = async (name: string) => {
    const { body } = await service.app.inject('/metrics')
    return new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1]
  }
  const hash = '$2b$10$khebYwJ5Ojv.tFFwGpD0rOdyrTH1M49VaKcXfPS41cmuzDkimXqxy'
  const event = toEvent({ user: { passwordHash: hash } })
  const body = JSON.stringify(event)
  t.equal((await send(service, event)).json().result, 'processed')
  t.equal((await send(service, event)).json().result, 'replayed')
  t.equal(await tell({ eventType: 'user.updated', occurredAt: at(-5) }), 'stale')
  t.equal(await tell({ eventType: 'user.liked' }), 'ignored')
  t.equal(await tell({ user: { email: 'nobody' } }), 'FL_EMAIL_INVALID')
  isProblem(t, await post(service, `[${body}]`), 'FL_PAYLOAD_INVALID')
  const forged = signatureOf(body, 'another')
  isProblem(t, await post(service, body, { 'x-signature': forged }), 'FL_SIGNATURE_INVALID')

  t.equal(await counter('webhook_user_events_processed'), '1')
  t.equal(await counter('webhook_user_events_replayed'), '1')
  t.equal(await counter('webhook_user_events_failed'), '2', 'strangers do not count')
  const lines = service.log.filter(({ event }) => event?.startsWith('webhook.'))
  t.match(lines, [
    { event: 'webhook.accepted', eventId: event.eventId, eventType: 'user.created', result: 'processed' },
    { event: 'webhook.replayed', eventId: event.eventId },
    { event: 'webhook.stale' },
    { event: 'webhook.accepted', result: 'ignored' },
    { event: 'webhook.rejected', code: 'FL_EMAIL_INVALID' },
    { event: 'webhook.rejected', code: 'FL_PAYLOAD_INVALID' },
    { event: 'webhook.rejected', code: 'FL_SIGNATURE_INVALID', reason: 'x-signature matches no secret' },
  ])
  t.equal(lines.length, 7)
  for (const text of [syncSecret, forged, signatureOf(body), signatureOf(`[${body}]`), hash, 'khebYwJ5'])
    t.notOk(service.logText().includes(text))
})
