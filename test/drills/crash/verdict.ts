import type { Sql } from 'postgres'
import type { Test } from 'tap'
import { defaultOwnership } from '../../../domain/ownership.ts'
import { listPeople } from '../../db/apply/people.ts'
import { peopleAfter } from '../../domain/provisioning/reference.ts'
import type { Told } from './senders.ts'

/** Notes which transaction wrote which event, into the inbox and into the records of people. */
export async function keepWitness(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create schema witness;
    create table witness.writes (transaction xid8 not null default pg_current_xact_id(), place text, event text);
    create function witness.note_event() returns trigger language plpgsql as $$
    begin
      insert into witness.writes (place, event) values ('inbox', new.event_id);
      return null;
    end $$;
    create function witness.stamps_of(claims jsonb, lifecycle jsonb) returns setof text language sql as $$
      select stamp.value->>'event' from jsonb_each(claims) stamp where stamp.value->>'event' is not null
      union select stamp.value->>'event' from jsonb_each(lifecycle) stamp where stamp.value->>'event' is not null
    $$;
    create function witness.note_record() returns trigger language plpgsql as $$
    begin
      insert into witness.writes (place, event)
      select 'record', stamp from witness.stamps_of(new.claims, new.lifecycle) stamp
      where tg_op = 'INSERT' or stamp not in (select witness.stamps_of(old.claims, old.lifecycle));
      return null;
    end $$;
    create trigger witness after insert or update on firstlogin.inbound_events
      for each row execute function witness.note_event();
    create trigger witness after insert or update on firstlogin.identities
      for each row execute function witness.note_record();`)
}

interface InboxRow {
  id: string
  type: string
  occurredAt: Date
  result: string
  attempts: number
  payload: object
}

/** Nothing acknowledged is lost, nothing was applied twice, and no row is half written. */
export async function checkAll(t: Test, sql: Sql, told: Map<string, Told>): Promise<void> {
  const all = [...told.values()]
  const rows = await sql<InboxRow[]>`
    select event_id as id, event_type as type, occurred_at as "occurredAt", result, attempts, payload
    from firstlogin.inbound_events`
  checkInbox(t, all, rows)
  checkAnswers(t, all, rows)
  await checkWitness(t, sql, rows)
  await checkPeople(t, sql, all)
  await checkRows(t, sql)
}

function checkInbox(t: Test, told: Told[], rows: InboxRow[]): void {
  const ids = new Set(rows.map(({ id }) => id))
  t.equal(rows.length, ids.size, 'no event has two rows')
  t.equal(rows.length, told.length, 'there are as many rows as events')
  const lost = told.filter(({ event }) => !ids.has(event.id))
  t.same(idsOf(lost), [], 'every acknowledged event has its row')
  const unsettled = rows.filter(({ result }) => result !== 'processed' && result !== 'stale')
  t.same(unsettled, [], 'every row has a final result')
  const retried = rows.filter(({ attempts }) => attempts !== 1)
  t.same(retried, [], 'none was kept as a failure in between')
  const sent = new Map(told.map(({ event }) => [event.id, event]))
  const spoiled = rows.filter((row) => {
    const { change, payload } = sent.get(row.id) ?? {}
    return row.occurredAt.getTime() !== change?.stamp.at || !isSame(row.payload, payload)
  })
  t.same(spoiled, [], 'every row says what was sent')
}

function checkAnswers(t: Test, told: Told[], rows: InboxRow[]): void {
  const resultOf = new Map(rows.map(({ id, result }) => [id, result]))
  const own = (one: Told) => one.results.filter((result) => result !== 'replayed')
  const silent = told.filter(({ results }) => results.length === 0)
  t.same(idsOf(silent), [], 'every event was acknowledged in the end')
  const doubled = told.filter((one) => own(one).length > 1)
  t.same(idsOf(doubled), [], 'at most one answer of an event is not "replayed"')
  const unexplained = told.filter((one) => own(one).length === 0 && one.unanswered === 0)
  t.same(idsOf(unexplained), [], 'and one is, unless it may be among the answers that were cut off')
  const different = told.filter((one) => own(one).some((result) => result !== resultOf.get(one.event.id)))
  t.same(idsOf(different), [], 'which is what the row says')
  const counted = told.filter((one) => own(one)[0] === 'processed').length
  const unheard = told.filter(
    (one) => own(one).length === 0 && resultOf.get(one.event.id) === 'processed',
  ).length
  const processed = rows.filter(({ result }) => result === 'processed').length
  t.equal(processed, counted + unheard, '"processed" counts the same in the answers and in the rows')
}

/** The triggers' own record of what was committed: an event's effects and its row are of one transaction. */
async function checkWitness(t: Test, sql: Sql, rows: InboxRow[]): Promise<void> {
  const torn = await sql`
    select event from witness.writes group by event
    having count(distinct transaction) > 1 or count(*) filter (where place = 'inbox') <> 1
      or count(*) filter (where place = 'record') > 1`
  t.same(torn, [], 'every event was applied once, in the transaction that wrote its row')
  const [seen] = await sql`select count(distinct event)::int as events from witness.writes`
  t.equal(seen?.['events'], rows.length, 'and all were seen')
}

async function checkPeople(t: Test, sql: Sql, told: Told[]): Promise<void> {
  const expected = peopleAfter(
    told.map(({ event }) => event.change),
    defaultOwnership,
  )
  const people = await listPeople(sql)
  t.equal(people.length, expected.length, 'as many people as the set of events makes')
  const found = new Map(people.map((person) => [person.emailCanonical, person]))
  const wrong = expected
    .map((person) => ({ wanted: person, found: found.get(person.emailCanonical) }))
    .filter((one) => !isSame(one.wanted, one.found))
  t.same(wrong.slice(0, 3), [], 'each of them as it says, with where every value came from')
}

async function checkRows(t: Test, sql: Sql): Promise<void> {
  // Read off the table itself: an index may be what is broken.
  const doubles = await sql.begin(async (tx) => {
    await tx`set local enable_indexscan = off`
    await tx`set local enable_indexonlyscan = off`
    await tx`set local enable_bitmapscan = off`
    return tx`
      select email_canonical from firstlogin.users where status <> 'deleted'
      group by 1 having count(*) > 1 or email_canonical is null`
  })
  t.same(doubles, [], 'no address has two people')
  const stray = await sql`
    select i.external_id from firstlogin.identities i left join firstlogin.users u on u.id = i.user_id
    where i.user_id is not null and (u.id is null or (u.status <> 'deleted' and u.email_canonical is distinct from i.email_canonical))`
  t.same(stray, [], 'every record points to the person of its address')
  const homeless = await sql`
    select i.external_id from firstlogin.identities i
    where i.user_id is null and i.email_canonical is not null and not exists (
      select from firstlogin.users u where u.email_canonical = i.email_canonical and u.status <> 'deleted')
      and not exists (
        select from firstlogin.identities one
        where one.email_canonical = i.email_canonical and one.lifecycle ? 'deleted')`
  t.same(homeless, [], 'every address that a record names has a person, unless one was deleted')
  const unheard = await sql`
    select u.id, field.key from firstlogin.users u, jsonb_each(u.provenance) field
    where u.status <> 'deleted' and not exists (
      select from firstlogin.inbound_events e
      where e.event_id = field.value->>'event' and e.result in ('processed', 'stale')
        and floor(extract(epoch from e.occurred_at) * 1000) = (field.value->>'at')::bigint
        and e.payload->'user'->>'id' = field.value->>'externalId')`
  t.same(unheard, [], 'every value came from an event that is there, and says the same of itself')
  const unwritten = await sql`
    select i.external_id, stamp from firstlogin.identities i,
      witness.stamps_of(i.claims, i.lifecycle) stamp
    where not exists (select from firstlogin.inbound_events e where e.event_id = stamp)`
  t.same(unwritten, [], 'and so did everything that is known of a record')
}

function idsOf(told: Told[]): string[] {
  return told.slice(0, 5).map(({ event }) => event.id)
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

/** With keys in one order everywhere. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, part]) => part !== undefined)
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, part]) => [key, sorted(part)]),
  )
}
