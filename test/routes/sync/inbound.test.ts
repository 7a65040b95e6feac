import t from 'tap'
import { post, send, signatureOf, syncOn, syncSecret, toEvent } from '../../support/events.ts'
import { createWorld } from '../../support/service.ts'

t.test('"Webhook endpoint accepts valid signed events and upserts user to Postgres."', async (t) => {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  const event = toEvent({ user: { role: 'admin' } })
  const reply = await send(service, event)
  t.equal(reply.statusCode, 200)
  t.strictSame(reply.json(), { result: 'processed', eventId: event.eventId })
  const [row] = await world.sql`select email, email_canonical, name, status, role from firstlogin.users`
  t.match(row, {
    email: 'Mary@Example.com',
    email_canonical: 'mary@example.com',
    name: 'Mary',
    status: 'active',
    role: 'admin',
  })
})

t.test('"Replayed webhook event is idempotent (no duplicate side effects)."', async (t) => {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  const event = toEvent()
  const replies = await Promise.all(Array.from({ length: 20 }, () => send(service, event)))
  const results = replies.map((reply) => reply.json<{ result: string }>().result)
  t.same(results.filter((result) => result === 'processed').length, 1)
  t.same(results.filter((result) => result === 'replayed').length, 19)
  await world.sql`update firstlogin.users set name = 'Changed here'`
  t.equal((await send(service, event)).json<{ result: string }>().result, 'replayed')
  const rows = await world.sql`select name from firstlogin.users`
  t.same(rows, [{ name: 'Changed here' }])
  const [kept] = await world.sql`select count(*)::int as events from firstlogin.inbound_events`
  t.same(kept, { events: 1 })
})

t.test(
  'the feature flag: without USER_WEBHOOK_SYNC_ENABLED=true there is nothing at the address',
  async (t) => {
    const world = await createWorld(t)
    const service = await world.start({ AIRTABLE_USER_SYNC_SECRET: syncSecret })
    const reply = await send(service, toEvent())
    t.equal(reply.statusCode, 404)
    t.equal(reply.json<{ code: string }>().code, 'FL_ROUTE_UNKNOWN')
  },
)

t.test('an unsigned or wrongly signed event is refused before anything of its body is told', async (t) => {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  const body = JSON.stringify(toEvent())
  const forgeries: Record<string, string>[] = [
    {},
    { 'x-signature': '' },
    { 'x-signature': signatureOf(body, 'another secret') },
    { 'x-signature': signatureOf(`${body} `) },
    { 'x-signature': `sha1=${signatureOf(body)}` },
  ]
  for (const headers of forgeries) {
    for (const sent of [body, 'not JSON', '']) {
      const reply = await post(service, sent, headers)
      t.equal(reply.statusCode, 401)
      t.equal(reply.json<{ code: string }>().code, 'FL_SIGNATURE_INVALID')
    }
  }
  t.same(await world.sql`select from firstlogin.users`, [])
  t.ok(service.log.some(({ event }) => event === 'webhook.rejected'))
})

t.test('somebody whom an event made signs in with the password that only the table has', async (t) => {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  const [ada] = world.airtable.records.list().filter(({ fields }) => fields['Email'] === 'ada@example.com')
  const event = toEvent({ user: { id: ada?.id, email: 'ada@example.com', name: 'Ada' } })
  t.equal((await send(service, event)).json<{ result: string }>().result, 'processed')
  t.equal((await service.login('ada@example.com', 'wrong')).statusCode, 401)
  t.equal((await service.login('ada@example.com', 'analytical-engine')).statusCode, 200)
})
