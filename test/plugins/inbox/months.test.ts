import t from 'tap'
import { createEventMonths, dropOldEventMonths } from '../../../db/inbound-events.ts'
import { createDatabase } from '../../support/database.ts'
import { send, syncOn, toEvent } from '../../support/events.ts'
import { createWorld } from '../../support/service.ts'

function monthName(monthsFromNow: number): string {
  const now = new Date()
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + monthsFromNow))
  return `inbound_events_${month.toISOString().slice(0, 7).replace('-', '_')}`
}

t.test('the part of a month that is missing is made when an event needs it', async (t) => {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  await world.sql`drop table firstlogin.${world.sql(monthName(0))}`
  const events = Array.from({ length: 5 }, (_, index) =>
    toEvent({ user: { id: `rec${index}`, email: `p${index}@example.com` } }),
  )
  const replies = await Promise.all(events.map((event) => send(service, event)))
  for (const reply of replies) t.equal(reply.json().result, 'processed')
  const [kept] = await world.sql`
    select count(*)::int as n from firstlogin.${world.sql(monthName(0))} where result = 'processed'`
  t.same(kept, { n: 5 })
})

t.test('this month and the next two are made on many instances at once, under load', async (t) => {
  const { sql } = await createDatabase(t)
  await Promise.all(Array.from({ length: 20 }, () => createEventMonths(sql)))
  const parts = await sql<{ name: string }[]>`
    select inhrelid::regclass::text as name from pg_inherits
    where inhparent = 'firstlogin.inbound_events'::regclass order by 1`
  t.same(
    parts.map(({ name }) => name),
    [0, 1, 2].map((month) => `firstlogin.${monthName(month)}`),
  )
})

t.test('only months that ended more than 30 days ago are dropped', async (t) => {
  const { sql } = await createDatabase(t)
  await createEventMonths(sql)
  const past = [-1, -2, -3, -14].map((months) => {
    const now = new Date()
    const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months))
    const end = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1))
    return { name: monthName(months), from: from.toISOString(), end }
  })
  for (const { name, from, end } of past)
    await sql.unsafe(`
      create table firstlogin.${name} partition of firstlogin.inbound_events
        for values from ('${from.slice(0, 10)}') to ('${end.toISOString().slice(0, 10)}')`)
  const old = past.filter(({ end }) => end.getTime() <= Date.now() - 30 * 86_400_000)
  t.ok(old.length >= 2)
  t.same((await dropOldEventMonths(sql)).sort(), old.map(({ name }) => name).sort())
  const left = await sql<{ name: string }[]>`
    select relname as name from pg_class join pg_inherits on oid = inhrelid
    where inhparent = 'firstlogin.inbound_events'::regclass`
  t.equal(left.length, 3 + past.length - old.length)
  t.same(await dropOldEventMonths(sql), [])
})
