import type { ReservedSql } from 'postgres'
import t, { type Test } from 'tap'
import { isProblem } from '../../routes/auth/client.ts'
import { post, send, signatureOf, syncOn, syncSecret, type TestEvent, toEvent } from '../../support/events.ts'
import { findText } from '../../support/find-text.ts'
import { untilTrue } from '../../support/process.ts'
import { createProxy } from '../../support/proxy.ts'
import { createWorld, type Service, type World } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const hash = '$2b$10$khebYwJ5Ojv.tFFwGpD0rOdyrTH1M49VaKcXfPS41cmuzDkimXqxy'

function toPerson(index: number | string, own: Partial<TestEvent> = {}): TestEvent {
  return toEvent({ ...own, user: { id: `rec${index}`, email: `p${index}@example.com`, ...own.user } })
}

/** Makes the database refuse whatever is written of the record recBad. */
async function spoil({ sql }: World): Promise<void> {
  await sql.unsafe(`
    create function firstlogin.spoil() returns trigger language plpgsql as $$
      begin
        if new.external_id = 'recBad' then
          raise exception 'refused' using detail = to_jsonb(new)::text, hint = new.password_hash;
        end if;
        return new;
      end $$;
    create trigger spoil before insert or update on firstlogin.identities
      for each row execute function firstlogin.spoil()`)
}

async function mend({ sql }: World): Promise<void> {
  await sql`drop trigger spoil on firstlogin.identities`
}

async function answersOf(service: Service, events: TestEvent[]): Promise<[number, string][]> {
  const replies = await Promise.all(events.map((event) => send(service, event)))
  return replies.map((reply) => [reply.statusCode, reply.json().result ?? reply.json().code])
}

function eventsIn({ sql }: World) {
  return sql`
    select event_id as id, result, reason, attempts from firstlogin.inbound_events order by received_at, event_id`
}

/** Holds what `take` locks; answers how to let go of it. */
async function hold({ sql }: World, take: (tx: ReservedSql) => Promise<unknown>) {
  const tx = await sql.reserve()
  await tx`begin`
  await take(tx)
  return async () => {
    await tx`commit`
    tx.release()
  }
}

/** Whether a statement waits for a lock. */
async function isWaiting({ sql }: World): Promise<boolean> {
  const rows = await sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return rows.length > 0
}

async function setUp(t: Test, env: Record<string, string> = {}) {
  const world = await createWorld(t)
  return { world, service: await world.start({ ...syncOn, ...env }) }
}

t.test('many events at once share few transactions, and each has its own result', async (t) => {
  const { world, service } = await setUp(t)
  const known = toPerson(0)
  await send(service, known)
  const events = Array.from({ length: 200 }, (_, index) => toPerson(index + 1))
  const answers = await answersOf(service, [
    ...events,
    known,
    toPerson(0, { eventType: 'user.updated', occurredAt: '2026-01-01T00:00:00Z' }),
    toPerson(0, { eventType: 'user.waved' }),
    toPerson(0, { user: { email: 'nobody' } }),
  ])
  t.same(
    answers.slice(0, 200),
    events.map(() => [200, 'processed']),
  )
  t.same(answers.slice(200), [
    [200, 'replayed'],
    [200, 'stale'],
    [200, 'ignored'],
    [400, 'FL_EMAIL_INVALID'],
  ])
  const [counted] = await world.sql<{ events: number; transactions: number; people: number }[]>`
    select count(*)::int as events, count(distinct xmin::text)::int as transactions,
      (select count(*)::int from firstlogin.users) as people
    from firstlogin.inbound_events`
  t.match(counted, { events: 204, people: 201 })
  t.ok(Number(counted?.transactions) < 100, `${counted?.transactions} transactions`)
})

t.test('one bad event fails alone, and is kept with a reason and no secret', async (t) => {
  const { world, service } = await setUp(t, { LOG_LEVEL: 'trace' })
  await spoil(world)
  const bad = toEvent({ user: { id: 'recBad', email: 'bad@example.com', passwordHash: hash } })
  const others = Array.from({ length: 20 }, (_, index) => toPerson(index, { user: { passwordHash: hash } }))
  const answers = await answersOf(service, [...others.slice(0, 10), bad, ...others.slice(10)])
  const expected = others.map(() => [200, 'processed'])
  t.same(answers, [...expected.slice(0, 10), [500, 'FL_INTERNAL'], ...expected.slice(10)])
  const kept = await eventsIn(world)
  t.same(
    kept.filter(({ id }) => id === bad.eventId),
    [{ id: bad.eventId, result: 'failed', reason: 'FL_INTERNAL P0001', attempts: 1 }],
  )
  t.equal(kept.filter(({ result }) => result === 'processed').length, 20)

  t.test('sent again it is tried again; once it works it takes the place of the failure', async (t) => {
    t.same(await answersOf(service, [bad]), [[500, 'FL_INTERNAL']])
    const find = async () => (await eventsIn(world)).filter(({ id }) => id === bad.eventId)
    t.match(await find(), [{ result: 'failed', attempts: 2 }])
    await mend(world)
    t.same(await answersOf(service, [bad]), [[200, 'processed']])
    t.same(await find(), [{ id: bad.eventId, result: 'processed', reason: null, attempts: 3 }])
    t.same(await answersOf(service, [bad]), [[200, 'replayed']])
  })

  t.test('neither the table of events nor the log holds a secret, a signature or a hash', async (t) => {
    t.same(await findText(world.sql, hash), ['identities', 'users'], 'hashes are where they belong')
    for (const text of [syncSecret, signatureOf(JSON.stringify(bad))]) {
      t.same(await findText(world.sql, text), [])
      t.notOk(service.logText().includes(text))
    }
    const [row] = await world.sql`
      select payload from firstlogin.inbound_events where event_id = ${bad.eventId}`
    t.match(row?.['payload'], { eventId: bad.eventId, user: { id: 'recBad', email: 'bad@example.com' } })
    t.notMatch(JSON.stringify(row), 'passwordHash')
    t.notMatch(service.logText(), /khebYwJ5/)
    t.ok(service.log.some(({ event }) => event === 'inbox.split'))
  })
})

t.test('a refused e-mail is 400 FL_EMAIL_INVALID and kept as failed, and stays refused', async (t) => {
  const { world, service } = await setUp(t)
  for (const email of ['nobody', 'a\0da@example.com', 'a\ud800da@example.com', `${'x'.repeat(250)}@b.io`]) {
    const event = toEvent({ user: { email } })
    for (let attempts = 1; attempts <= 2; attempts += 1) {
      isProblem(t, await send(service, event), 'FL_EMAIL_INVALID')
      const kept = (await eventsIn(world)).filter(({ id }) => id === event.eventId)
      t.match(kept, [{ result: 'failed', reason: 'FL_EMAIL_INVALID', attempts }])
    }
  }
  t.same(await world.sql`select from firstlogin.users`, [])
})

t.test('an event that waits for a lock holds up nobody but those who need the same', async (t) => {
  const { world, service } = await setUp(t)
  await send(service, toPerson(1))
  const release = await hold(world, (tx) => tx`select from firstlogin.users for update`)
  const blocked = send(service, toPerson(1, { eventType: 'user.updated', user: { name: 'Late' } }))
  await until(() => isWaiting(world))
  const others = Array.from({ length: 5 }, (_, index) => toPerson(`o${index}`))
  for (const event of others) t.same(await answersOf(service, [event]), [[200, 'processed']])
  await release()
  t.equal((await blocked).json().result, 'processed')
})

t.test(
  'while the database is away the answer is 503 with Retry-After, and nothing is kept by half',
  async (t) => {
    const world = await createWorld(t)
    const wire = await createProxy(t, world.url)
    const service = await world.start({ ...syncOn, DATABASE_URL: wire.url })
    await send(service, toPerson(0))
    await wire.cut()
    await until(async () => (await service.app.inject('/readyz')).statusCode !== 200)
    const events = Array.from({ length: 10 }, (_, index) => toPerson(index + 1))
    for (const reply of await Promise.all(events.map((event) => send(service, event))))
      isProblem(t, reply, 'FL_DATABASE_UNAVAILABLE')
    t.equal((await eventsIn(world)).length, 1)
    await wire.mend()
    t.ok(await untilTrue(async () => (await service.app.inject('/readyz')).statusCode === 200))

    // In the middle of a transaction: it waits here for a lock.
    const release = await hold(world, (tx) => tx`lock table firstlogin.identities`)
    const cutOff = Promise.all(events.map((event) => send(service, event)))
    await until(() => isWaiting(world))
    await wire.cut()
    for (const reply of await cutOff) isProblem(t, reply, 'FL_DATABASE_UNAVAILABLE')
    await release()
    t.equal((await eventsIn(world)).length, 1)
    t.same(await world.sql`select count(*)::int as n from firstlogin.users`, [{ n: 1 }])
    await wire.mend()
    t.ok(await untilTrue(async () => (await service.app.inject('/readyz')).statusCode === 200))
    t.same(
      await answersOf(service, events),
      events.map(() => [200, 'processed']),
      'sent again, all is well',
    )
    t.match(
      service.log.filter(({ event }) => event === 'webhook.rejected'),
      Array.from({ length: 20 }, () => ({ code: 'FL_DATABASE_UNAVAILABLE' })),
    )
    // Connections that broke and were not needed again would be waited for when all is closed.
    await Promise.all(Array.from({ length: 20 }, () => service.app.inject('/readyz')))
    await service.app.close()
  },
)

t.test('whoever was ended in a deadlock or a conflict is tried again', async (t) => {
  const { world, service } = await setUp(t)
  await world.sql.unsafe(`
    create sequence firstlogin.tries;
    create function firstlogin.clash() returns trigger language plpgsql as $$
      begin
        if nextval('firstlogin.tries') % 2 = 1 then raise exception 'clash' using errcode = tg_argv[0]; end if;
        return new;
      end $$`)
  for (const state of ['40P01', '40001']) {
    await world.sql.unsafe(`
      create trigger clash before insert on firstlogin.inbound_events
        for each statement execute function firstlogin.clash('${state}')`)
    t.same(await answersOf(service, [toPerson(state)]), [[200, 'processed']])
    await world.sql`drop trigger clash on firstlogin.inbound_events`
  }
  t.match(await eventsIn(world), [{ attempts: 1 }, { attempts: 1 }])

  await world.sql.unsafe(`
    create or replace function firstlogin.clash() returns trigger language plpgsql as $$
      begin raise exception 'clash' using errcode = '40001'; end $$;
    create trigger clash before insert on firstlogin.inbound_events
      for each statement execute function firstlogin.clash()`)
  const reply = await post(service, JSON.stringify(toPerson('never')))
  isProblem(t, reply, 'FL_DATABASE_UNAVAILABLE', 'one that never ends passes, too: 503')
  t.equal((await eventsIn(world)).length, 2)
})
