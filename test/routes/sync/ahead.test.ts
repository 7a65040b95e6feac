import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import t from 'tap'
import { loadConfig } from '../../../config.ts'
import db from '../../../plugins/db.ts'
import http from '../../../plugins/http.ts'
import { refuseAhead } from '../../../plugins/inbox/ahead.ts'
import inbox from '../../../plugins/inbox.ts'
import metrics from '../../../plugins/metrics.ts'
import notices from '../../../plugins/notices.ts'
import provisioner from '../../../plugins/provisioner.ts'
import upstreams from '../../../plugins/upstreams.ts'
import type { WebhookEvent } from '../../../upstreams/upstream.ts'
import { send, syncOn, toEvent } from '../../support/events.ts'
import { createWorld } from '../../support/service.ts'
import { bearer, createVendors, readEvents, readPeople, svixHeaders } from '../../support/vendors.ts'
import { isProblem } from '../auth/client.ts'

const minute = 60_000
const year9999 = '9999-12-31T23:59:59.000Z'

t.test('an event of the year 9999 makes no permanent owner: it is refused and kept as failed', async (t) => {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  await send(service, toEvent({ user: { id: 'recMary', email: 'mary@example.com', role: 'member' } }))
  const event = toEvent({
    occurredAt: year9999,
    user: { id: 'recMary', email: 'mary@example.com', role: 'owner' },
  })
  isProblem(t, await send(service, event), 'FL_EVENT_AHEAD')
  isProblem(t, await send(service, event), 'FL_EVENT_AHEAD', 'sent again')
  isProblem(
    t,
    await send(service, toEvent({ occurredAt: year9999, user: { id: 'recNew', email: 'new@example.com' } })),
    'FL_EVENT_AHEAD',
  )
  t.same(await world.sql`select email, role from firstlogin.users`, [
    { email: 'mary@example.com', role: 'member' },
  ])
  t.match(
    await world.sql`select event_id, result, reason, attempts from firstlogin.inbound_events where event_id = ${event.eventId}`,
    [{ result: 'failed', reason: 'FL_EVENT_AHEAD', attempts: 2 }],
  )
  t.same(
    (await send(service, toEvent({ eventType: 'user.renamed', occurredAt: year9999 }))).json().result,
    'ignored',
  )
  t.match(
    service.log.filter(({ event: name }) => name === 'webhook.rejected'),
    [{ code: 'FL_EVENT_AHEAD' }],
  )
})

t.test(
  'a failed event that was ahead is applied once its time has come, by replay or when it is sent again',
  async (t) => {
    const world = await createWorld(t)
    let now = Date.now()
    const app = Fastify({ logger: false })
    t.teardown(() => app.close())
    await app.register(db, { database: world.url })
    await app.register(notices)
    await app.register(metrics)
    await app.register(http)
    await app.register(provisioner, {})
    const config = loadConfig(world.env(syncOn))
    await app.register(upstreams, { upstreams: config.upstreams, slowMs: 1000 })
    await app.register(inbox, { clock: () => now })
    const occurredAt = new Date(now + 6 * minute).toISOString()
    const events = ['recOne', 'recTwo'].map((id) =>
      toEvent({ occurredAt, user: { id, email: `${id}@example.com` } }),
    )
    const take = async (event: object) => {
      const webhook = app.upstreams[0]?.webhook
      if (!webhook) throw new Error('There is no webhook.')
      return app.inbox.take('airtable', await webhook.read(event, { dialect: 'test' }))
    }
    const [one, two] = events
    if (!one || !two) throw new Error('Two events were expected.')
    for (const event of events) await t.rejects(take(event), { code: 'FL_EVENT_AHEAD' })
    t.equal(await app.inbox.replay('airtable', one.eventId), 'FL_EVENT_AHEAD')
    now += minute
    t.equal(await app.inbox.replay('airtable', one.eventId), 'processed')
    t.equal(await take(two), 'processed')
    t.equal(await take(two), 'replayed')
  },
)

t.test("Clerk's and Supabase's events are refused by the time that they give a change", async (t) => {
  const { start, clerk, supabase, sql } = await createVendors(t)
  const host = await start('clerk,supabase')
  const ahead = Date.now() + 10 * minute
  const user = JSON.parse(
    readFileSync(new URL('../../fixtures/clerk/user.created.json', import.meta.url), 'utf8'),
  )
  const clerkBody = JSON.stringify({ ...user, timestamp: ahead, data: { ...user.data, updated_at: ahead } })
  const signed = svixHeaders(clerk.webhookSecret, 'msg_1', clerkBody)
  isProblem(t, await host.post('/api/sync/clerk', clerkBody, signed), 'FL_EVENT_AHEAD')

  const { id } = await supabase.signUp({ email: 'mary@example.com' })
  const row = { ...supabase.confirm(id), updated_at: '2999-01-01T00:00:00.000000+00:00' }
  const { body } = supabase.databaseWebhook('INSERT', row, null)
  const authorization = `Bearer ${bearer}`
  isProblem(t, await host.post('/api/sync/supabase', body, { authorization }), 'FL_EVENT_AHEAD')
  t.same(await readPeople(sql), [])
  t.match(await readEvents(sql), [
    { type: 'user.created', result: 'failed', reason: 'FL_EVENT_AHEAD' },
    { type: 'auth.users.insert', result: 'failed', reason: 'FL_EVENT_AHEAD' },
  ])
})

t.test('five minutes ahead is still in time, and every change of an event counts', async (t) => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const at = (ms: number) => read({ id: 'evt', at: now + ms })
  t.equal(refuseAhead(at(5 * minute), now).refusal, undefined)
  t.equal(refuseAhead(at(5 * minute + 1), now).refusal?.code, 'FL_EVENT_AHEAD')
  t.equal(refuseAhead(at(Number.NaN), now).refusal?.code, 'FL_EVENT_AHEAD')
  const mixed = { ...at(0), changes: [...at(0).changes, ...at(6 * minute).changes] }
  t.match(refuseAhead(mixed, now), { changes: [], refusal: { code: 'FL_EVENT_AHEAD' } })
})

function read({ id, at }: { id: string; at: number }): WebhookEvent {
  const stamp = { at, event: id }
  const change = { type: 'user.deleted', upstream: 'fake', externalId: 'rec1', stamp } as const
  return { id, type: 'user.deleted', occurredAt: at, changes: [change], payload: {} }
}
