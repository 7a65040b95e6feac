import postgres, { type Sql, type TransactionSql } from 'postgres'
import { lock } from './locks.ts'

/** An event as it arrived from one upstream, in the form in which it is kept. */
export interface InboundEvent {
  source: string
  id: string
  type: string
  /** Milliseconds since 1970. */
  occurredAt: number
  payload: object
}

export type KeptResult = 'processed' | 'stale' | 'ignored' | 'failed'

export interface SettledEvent extends InboundEvent {
  result: KeptResult
  /** Why it failed: a code. */
  reason?: string
}

export function eventKey({ source, id }: { source: string; id: string }): string {
  return `${source}\n${id}`
}

/**
 * Makes everybody else who takes in one of these events wait until the transaction ends, and answers the keys of
 * those that were taken in before. An event that failed may be tried again.
 */
export async function claimEvents(tx: TransactionSql, events: InboundEvent[]): Promise<Set<string>> {
  const [, known] = await Promise.all([
    lock(tx, 'events', events.map(eventKey)),
    tx<{ source: string; id: string }[]>`
      select name.source, name.event_id as id
      from unnest(${events.map(({ source }) => source)}::text[], ${events.map(({ id }) => id)}::text[])
          as name (source, event_id)
        cross join lateral (
          select from firstlogin.inbound_events e
          where e.source = name.source and e.event_id = name.event_id and e.result <> 'failed' limit 1
        ) as known`,
  ])
  return new Set(known.map(eventKey))
}

/** Keeps events with what became of them; those that had failed before take the place of the failure. */
export async function saveEvents(tx: Sql | TransactionSql, events: SettledEvent[]): Promise<void> {
  if (events.length === 0) return
  const rows = events.map(({ source, id, type, occurredAt, result, reason = null, payload }) => ({
    source,
    id,
    type,
    occurredAt: new Date(occurredAt).toISOString(),
    result,
    reason,
    payload,
  }))
  await tx`
    insert into firstlogin.inbound_events as e
      (month, source, event_id, event_type, occurred_at, result, reason, payload)
    select
      coalesce(failed.month, date_trunc('month', now() at time zone 'utc')::date),
      event.source, event.id, event.type, event."occurredAt", event.result, event.reason, event.payload
    from jsonb_to_recordset(${tx.json(rows as never)}) as event (
        source text, id text, type text, "occurredAt" timestamptz, result text, reason text, payload jsonb)
      left join lateral (
        select e.month from firstlogin.inbound_events e
        where e.source = event.source and e.event_id = event.id and e.result = 'failed' limit 1
      ) as failed on true
    on conflict (source, event_id, month) do update set
      event_type = excluded.event_type, occurred_at = excluded.occurred_at, payload = excluded.payload,
      result = excluded.result, reason = excluded.reason, attempts = e.attempts + 1, received_at = now()
    where e.result = 'failed'`
}

export interface FailedEvent {
  source: string
  id: string
  type: string
  occurredAt: Date
  receivedAt: Date
  reason: string | null
  attempts: number
  payload: object
}

/** Where a failed event stands in the list of them, to the millisecond: many fail in one moment. */
export type FailedEventPlace = Pick<FailedEvent, 'receivedAt' | 'source' | 'id'>

/** Those that failed, the latest first; `before` is the last one seen. */
export async function listFailedEvents(
  sql: Sql,
  { limit, before }: { limit: number; before?: FailedEventPlace | undefined },
): Promise<FailedEvent[]> {
  const place = sql`date_trunc('milliseconds', received_at), source, event_id`
  return sql<FailedEvent[]>`
    select ${failedColumns(sql)} from firstlogin.inbound_events
    where result = 'failed'
      ${before ? sql`and (${place}) < (${before.receivedAt}, ${before.source}, ${before.id})` : sql``}
    order by date_trunc('milliseconds', received_at) desc, source desc, event_id desc limit ${limit}`
}

export async function findFailedEvent(
  sql: Sql,
  source: string,
  id: string,
): Promise<FailedEvent | undefined> {
  const [row] = await sql<FailedEvent[]>`
    select ${failedColumns(sql)} from firstlogin.inbound_events
    where result = 'failed' and source = ${source} and event_id = ${id}`
  return row
}

/** Those that failed since yesterday because an upstream could not be asked, the oldest first. */
export async function listWaitingEvents(
  sql: Sql,
  limit: number,
): Promise<Pick<FailedEvent, 'source' | 'id'>[]> {
  return sql<Pick<FailedEvent, 'source' | 'id'>[]>`
    select source, event_id as id from firstlogin.inbound_events
    where result = 'failed' and reason = 'FL_UPSTREAM_UNAVAILABLE' and occurred_at > now() - interval '1 day'
    order by received_at limit ${limit}`
}

function failedColumns(sql: Sql) {
  return sql`
    source, event_id as id, event_type as type, occurred_at as "occurredAt", received_at as "receivedAt", reason,
    attempts, payload`
}

/** The parts of the table for this month and the next two; safe on any number of instances at once. */
export async function createEventMonths(sql: Sql): Promise<void> {
  await sql`
    do $$
    declare
      first date;
    begin
      perform pg_advisory_xact_lock(hashtext('firstlogin.inbound_events'));
      for i in 0..2 loop
        first := date_trunc('month', now() at time zone 'utc') + make_interval(months => i);
        execute format(
          'create table if not exists firstlogin.%I partition of firstlogin.inbound_events for values from (%L) to (%L)',
          'inbound_events_' || to_char(first, 'YYYY_MM'), first, first + interval '1 month');
      end loop;
    end $$`
}

/** Whether this is what Postgres says of an event for whose month there is no part yet. */
export function isMonthMissing(error: unknown): boolean {
  return (
    error instanceof postgres.PostgresError && error.code === '23514' && error.table_name === 'inbound_events'
  )
}

/** Drops the months that ended more than `days` ago, and names them. */
export async function dropOldEventMonths(sql: Sql, days = 30): Promise<string[]> {
  const months = await sql<{ name: string }[]>`
    select c.relname as name
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'firstlogin.inbound_events'::regclass
      and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
        <= (now() at time zone 'utc') - make_interval(days => ${days})`
  for (const { name } of months) await sql`drop table if exists firstlogin.${sql(name)}`
  return months.map(({ name }) => name)
}
