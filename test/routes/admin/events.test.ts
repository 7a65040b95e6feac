import { hash } from '@node-rs/argon2'
import t, { type Test } from 'tap'
import { createEventMonths } from '../../../db/inbound-events.ts'
import { runCommand } from '../../support/commands.ts'
import { send, syncOn, type TestEvent, toEvent } from '../../support/events.ts'
import { createWorld, type Service, type World } from '../../support/service.ts'
import { bearer, isProblem } from '../auth/client.ts'

const password = 'correct horse battery staple'
const passwordHash = hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 })

async function signInAs(service: Service, role: string): Promise<string> {
  const email = `${role}@example.com`
  await send(service, toEvent({ user: { id: `rec${role}`, email, role, passwordHash: await passwordHash } }))
  return (await service.login(email, password)).json().accessToken
}

function createAdmin({ app }: Service, token: string) {
  const headers = token === '' ? {} : bearer(token)
  return {
    list: (query: Record<string, string> = {}) =>
      app.inject({ url: '/api/admin/events/failed', query, headers }),
    replay: (body?: object) =>
      app.inject({ method: 'POST', url: '/api/admin/events/failed/replay', headers, ...(body && { body }) }),
  }
}

/** An event whose address is refused; once its row says otherwise it can be replayed. */
async function fail(service: Service, own: Partial<TestEvent> = {}): Promise<TestEvent> {
  const event = toEvent({ ...own, user: { email: 'nobody', ...own.user } })
  isProblem(t, await send(service, event), 'FL_EMAIL_INVALID')
  return event
}

async function mend({ sql }: World, { eventId }: TestEvent, email: string): Promise<void> {
  await sql`
    update firstlogin.inbound_events set payload = jsonb_set(payload, '{user,email}', ${sql.json(email)})
    where event_id = ${eventId}`
}

async function setUp(t: Test) {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  return { world, service }
}

t.test('only the role admin, or owner, gets in; others learn nothing of what there is', async (t) => {
  const { service } = await setUp(t)
  const wrong = { source: '', eventId: 7 }
  for (const token of ['', 'made.up.token']) {
    const admin = createAdmin(service, token)
    isProblem(t, await admin.list(), 'FL_SESSION_INVALID')
    isProblem(t, await admin.replay(wrong), 'FL_SESSION_INVALID')
  }
  for (const role of ['viewer', 'member']) {
    const admin = createAdmin(service, await signInAs(service, role))
    isProblem(t, await admin.list({ limit: 'x' }), 'FL_ROLE_MISSING', role)
    isProblem(t, await admin.replay(wrong), 'FL_ROLE_MISSING', role)
  }
  for (const role of ['admin', 'owner']) {
    const reply = await createAdmin(service, await signInAs(service, role)).list()
    t.same([reply.statusCode, reply.json()], [200, { events: [], next: null }], role)
    t.equal(reply.headers['cache-control'], 'no-store')
  }
  const token = await signInAs(service, 'admin')
  const news = { eventType: 'user.updated', occurredAt: '2026-11-20T11:00:00Z' }
  await send(
    service,
    toEvent({ ...news, user: { id: 'recadmin', email: 'admin@example.com', role: 'member' } }),
  )
  isProblem(t, await createAdmin(service, token).list(), 'FL_ROLE_MISSING', 'who was admin a moment ago')
})

t.test('failed events are listed page by page, the latest first, none missing and none twice', async (t) => {
  const { world, service } = await setUp(t)
  const admin = createAdmin(service, await signInAs(service, 'admin'))
  const rest = await Promise.all(
    Array.from({ length: 11 }, (_, index) => fail(service, { eventId: `evt ${index % 3}/${index}` })),
  )
  const last = await fail(service, { eventId: 'x'.repeat(255), user: { passwordHash: 'hunter2' } })
  // Most came in one moment, as they do with many at once.
  await world.sql`
    update firstlogin.inbound_events set received_at = '2026-11-20T10:00:00.123456Z'
    where result = 'failed' and event_id <> ${last.eventId}`
  const seen: { eventId: string }[] = []
  let pages = 0
  for (let before: string | null | undefined; before !== null; ) {
    const reply = await admin.list({ limit: '3', ...(before && { before }) })
    t.equal(reply.statusCode, 200)
    seen.push(...reply.json().events)
    before = reply.json().next
    pages += 1
  }
  t.equal(pages, 5)
  t.match(seen[0], {
    source: 'airtable',
    eventId: last.eventId,
    eventType: 'user.created',
    occurredAt: '2026-11-20T10:00:00.000Z',
    reason: 'FL_EMAIL_INVALID',
    attempts: 1,
    payload: { eventId: last.eventId, user: { email: 'nobody' } },
  })
  t.notMatch(JSON.stringify(seen), 'hunter2')
  t.same(seen.map(({ eventId }) => eventId).sort(), [...rest, last].map(({ eventId }) => eventId).sort())
  for (const query of [
    { limit: '0' },
    { limit: '201' },
    { limit: 'many' },
    { before: 'yesterday' },
    { before: '2026-13-45T99:99:99.999Z airtable evt_1' },
    { before: '2026-11-20T10:00:00.000Z airtable' },
    { before: '2026-11-20T10:00:00.000Z airtable \0' },
  ])
    isProblem(t, await admin.list(query), 'FL_REQUEST_INVALID', JSON.stringify(query))
})

t.test('a failed event is applied again on request', async (t) => {
  const { world, service } = await setUp(t)
  const admin = createAdmin(service, await signInAs(service, 'admin'))
  const event = await fail(service, { eventId: `a/b c?${'x'.repeat(200)}` })
  const name = { source: 'airtable', eventId: event.eventId }
  t.same((await admin.replay(name)).json(), { result: 'FL_EMAIL_INVALID' }, 'it fails again')
  await mend(world, event, 'mary@example.com')
  t.same((await admin.replay(name)).json(), { result: 'processed' })
  t.same(await world.sql`select name from firstlogin.users where email = 'mary@example.com'`, [
    { name: 'Mary' },
  ])
  isProblem(t, await admin.replay(name), 'FL_EVENT_UNKNOWN', 'it has not failed any more')
  for (const body of [
    { source: 'airtable', eventId: 'evt_none' },
    { source: 'nobody', eventId: event.eventId },
  ])
    isProblem(t, await admin.replay(body), 'FL_EVENT_UNKNOWN')
  for (const body of [
    undefined,
    {},
    { source: 'airtable' },
    { source: 'airtable', eventId: '\0' },
    { source: '\ud800', eventId: 'x' },
  ])
    isProblem(t, await admin.replay(body), 'FL_REQUEST_INVALID', JSON.stringify(body))

  await createEventMonths(world.sql)
  await world.sql`
    insert into firstlogin.inbound_events (month, source, event_id, event_type, occurred_at, result, payload)
    values (date_trunc('month', now() at time zone 'utc'), 'retired', 'evt_1', 'user.created', now(), 'failed', '{}')`
  const retired = await admin.replay({ source: 'retired', eventId: 'evt_1' })
  t.same(retired.json(), { result: 'FL_UPSTREAM_UNLISTED' }, 'an upstream that is not on any more')
  await world.sql`update firstlogin.inbound_events set source = 'airtable', event_id = 'evt_2' where source = 'retired'`
  const unreadable = await admin.replay({ source: 'airtable', eventId: 'evt_2' })
  t.same(unreadable.json(), { result: 'FL_PAYLOAD_INVALID' })
})

t.test('firstlogin replay lists, applies one, and applies all', async (t) => {
  const { world, service } = await setUp(t)
  const replay = (...args: string[]) => runCommand(world, ['replay', ...args], syncOn)
  t.same(await replay(), { code: 0, lines: ['No event has failed.'] })
  t.same(await replay('--all'), { code: 0, lines: [] })
  const events: TestEvent[] = []
  for (let index = 0; index < 3; index += 1) events.push(await fail(service, { user: { id: `rec${index}` } }))
  const [first, second, third] = events.map(({ eventId }) => eventId)
  const listed = await replay()
  t.equal(listed.code, 0)
  t.match(listed.lines, [
    new RegExp(`^\\S+Z {2}airtable ${third} {2}user.created {2}FL_EMAIL_INVALID {2}tried 1$`),
    new RegExp(` ${second} `),
    new RegExp(` ${first} `),
  ])
  t.same(await replay('airtable', `${first}`), { code: 1, lines: [`${first}: FL_EMAIL_INVALID`] })
  t.same(await replay('airtable', 'evt_none'), { code: 1, lines: ['evt_none: FL_EVENT_UNKNOWN'] })
  for (const [index, event] of events.slice(0, 2).entries()) await mend(world, event, `p${index}@example.com`)
  t.same(await replay('airtable', `${first}`), { code: 0, lines: [`${first}: processed`] })
  const all = await replay('--all')
  t.equal(all.code, 1, 'one of them fails again')
  t.same(all.lines.sort(), [`${second}: processed`, `${third}: FL_EMAIL_INVALID`].sort())
  for (const args of [['airtable'], ['airtable', 'a', 'b'], ['airtable', 'a', '--all']])
    t.equal((await replay(...args)).code, 2, args.join(' '))
  t.same(await world.sql`select name from firstlogin.users`, [{ name: 'Mary' }, { name: 'Mary' }])
})
