import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { untilTrue } from '../../support/process.ts'
import { openSubscribed, readingsOf } from './subscribed.ts'

t.jobs = 2

const idOf = (number: number) => `recMany${String(number).padStart(10, '0')}`

t.test('reading', { buffered: true }, async (t) => {
  const { world, service, row, untilStatus, statusOf } = await openSubscribed(t, { recordsPerPayload: 1 })
  const { airtable, sql } = world
  const failures = () => service.log.filter(({ event }) => event === 'feed.failed').length
  const countOf = (way: string) => (id: string) =>
    service.log.filter(({ path, externalId }) => path === way && externalId === id).length
  const [creationsOf, deletionsOf] = [countOf('created'), countOf('tombstoned')]
  await t.test('goes on for as many pages as there are, and all records are here once', async (t) => {
    airtable.resetCalls()
    const from = (await row())['cursor'] as number
    const before = readingsOf(service)
    for (let number = 0; number < 120; number++)
      airtable.records.put(idOf(number), { Email: `many${number}@example.com` })
    t.ok(await untilTrue(async () => (await row())['cursor'] === from + 120))
    const [{ count } = {}] = await sql`
      select count(*)::int from firstlogin.users where email_canonical like 'many%' and status = 'active'`
    t.equal(count, 120)
    t.ok(await untilTrue(() => readingsOf(service) > before + 2))
    t.equal(readingsOf(service) - before, 3, 'fifty payloads to a page')
    t.ok(airtable.calls().total <= 8, `${airtable.calls().total} calls`)
    t.equal(creationsOf(idOf(7)), 1)
  })

  await t.test('finds who is gone, and who was restored under the same id', async (t) => {
    airtable.records.remove(idOf(1))
    t.ok(await untilStatus('many1@example.com', 'deleted'))
    airtable.records.put(idOf(1), { Email: 'many1@example.com' })
    t.ok(await untilStatus('many1@example.com', 'active'))
    airtable.records.remove(idOf(2))
    await sleep(5)
    airtable.records.put(idOf(2), { Email: 'many2@example.com' })
    airtable.records.remove(idOf(3))
    t.ok(await untilStatus('many3@example.com', 'deleted'))
    t.equal(await statusOf('many2@example.com'), 'active', 'both in one reading')
    const [user] = await sql`select count(*)::int from firstlogin.users where email_canonical like 'many2@%'`
    t.equal(user?.['count'], 1)
  })

  await t.test('moves the cursor together with the effects, or neither', async (t) => {
    await sql`create function firstlogin.fail() returns trigger language plpgsql as $$
      begin raise exception 'not today'; end $$`
    await sql`create trigger fail before update of cursor on firstlogin.feeds
      for each row when (new.cursor <> old.cursor) execute function firstlogin.fail()`
    const from = (await row())['cursor'] as number
    // Only the news say that somebody is deleted: a listing that misses them does not.
    airtable.records.remove(idOf(4))
    t.ok(await untilTrue(() => failures() > 0))
    t.not(await statusOf('many4@example.com'), 'deleted')
    t.equal((await row())['cursor'], from)
    t.equal(deletionsOf(idOf(4)), 0, 'nor is it said in the log')
    await sql`drop trigger fail on firstlogin.feeds`
    t.ok(await untilStatus('many4@example.com', 'deleted'), 'without another ping')
    t.equal((await row())['cursor'], from + 1)
    t.ok(await untilTrue(() => deletionsOf(idOf(4)) === 1))
  })
})

t.test(
  'while Airtable is away nothing is lost, and it is not asked all the time',
  { buffered: true },
  async (t) => {
    const { world, service, hook, calls, untilStatus, row } = await openSubscribed(t)
    const { airtable } = world
    await airtable.webhooks.settled()
    const from = (await row())['cursor'] as number
    airtable.resetCalls()
    airtable.setFault({ kind: 'error_500' })
    airtable.records.put('recAway0000000001', { Email: 'away@example.com' })
    t.ok(await untilTrue(() => service.log.some(({ event }) => event === 'feed.failed')))
    for (let pings = 0; pings < 50; pings++) airtable.webhooks.ping(hook().id)
    await airtable.webhooks.settled()
    t.ok(airtable.webhooks.deliveries().every(({ status }) => status === 204 || status === 401))
    t.ok(calls('/payloads') <= 3, `${calls('/payloads')} calls`)
    t.equal((await row())['cursor'], from)
    airtable.heal()
    t.ok(await untilTrue(async () => (await row())['cursor'] === from + 1))
    t.ok(await untilStatus('away@example.com', 'active'))
  },
)
