import type { Sql, TransactionSql } from 'postgres'

/** A complete listing of an upstream, under way or over. */
export interface Listing {
  id: string
  upstream: string
  state: 'running' | 'complete' | 'refused'
  startedAt: Date
  finishedAt: Date | null
  nextPage: string | null
  pages: number
  seen: number
  /** Records that changed a user, those that created one included. */
  changed: number
  created: number
  vanished: number
  /** People whom its pages have disabled. */
  disabled: number
  /** Records whose status was not applied, because too many would have been disabled. */
  withheld: number
}

const leaseS = 15

function columns(sql: Sql | TransactionSql) {
  return sql`
    id, upstream, state, started_at as "startedAt", finished_at as "finishedAt", next_page as "nextPage", pages, seen,
    changed, created, vanished, disabled, withheld`
}

/**
 * The listing that is under way, if its worker died, or a new one; undefined while another instance works on it. `now`
 * is the moment by which everybody has to be seen.
 */
export async function claimListing(
  sql: Sql,
  fresh: { id: string; upstream: string; now: Date },
  worker: string,
): Promise<Listing | undefined> {
  const { id, upstream, now } = fresh
  const [row] = await sql<Listing[]>`
    insert into firstlogin.listings as l (id, upstream, state, started_at, worker, worker_until)
    values (${id}, ${upstream}, 'running', ${now}, ${worker}, now() + make_interval(secs => ${leaseS}))
    on conflict (upstream) where state = 'running' do update set
      worker = excluded.worker, worker_until = excluded.worker_until
      where l.worker_until < now()
    returning ${columns(sql)}`
  return row
}

export async function prolongListing(sql: Sql, id: string, worker: string): Promise<void> {
  await sql`
    update firstlogin.listings set worker_until = now() + make_interval(secs => ${leaseS})
    where id = ${id} and worker = ${worker}`
}

export async function releaseListing(sql: Sql, id: string, worker: string): Promise<void> {
  await sql`update firstlogin.listings set worker_until = '-infinity' where id = ${id} and worker = ${worker}`
}

/** Writes progress; undefined if the lease has passed to somebody else. */
export async function saveProgress(
  tx: TransactionSql | Sql,
  listing: Listing,
  worker: string,
): Promise<Listing | undefined> {
  const { id, state, startedAt, nextPage, pages, seen, changed, created, vanished, disabled, withheld } =
    listing
  const [row] = await tx<Listing[]>`
    update firstlogin.listings set
      state = ${state}, started_at = ${startedAt}, next_page = ${nextPage}, pages = ${pages}, seen = ${seen},
      changed = ${changed}, created = ${created}, vanished = ${vanished},
      disabled = ${disabled}, withheld = ${withheld},
      finished_at = case when ${state} = 'running' then null else now() end,
      worker_until = now() + make_interval(secs => ${leaseS})
    where id = ${id} and worker = ${worker} and state = 'running'
    returning ${columns(tx)}`
  return row
}

export interface MissedRecord {
  externalId: string
  email: string
}

/** Records that stand for somebody and that nobody has seen since; those of an address alone are in no listing. */
export async function findMissed(sql: Sql, upstream: string, since: Date): Promise<MissedRecord[]> {
  return sql<MissedRecord[]>`
    select i.external_id as "externalId", u.email
    from firstlogin.identities i join firstlogin.users u on u.id = i.user_id
    where i.upstream = ${upstream} and i.seen_at < ${since.getTime()} and ${isListed(sql)}
    order by i.external_id`
}

/** How many records of an upstream stand for somebody. */
export async function countListed(sql: Sql, upstream: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count
    from firstlogin.identities i join firstlogin.users u on u.id = i.user_id
    where i.upstream = ${upstream} and ${isListed(sql)}`
  return row?.count ?? 0
}

/**
 * The condition that the record `i` of the person `u` stands for somebody, as domain/record.ts has it: neither deleted
 * nor vanished by itself, for the person may live by a record of another upstream.
 */
export function isListed(sql: Sql | TransactionSql) {
  return sql`
    u.status <> 'deleted' and not starts_with(i.external_id, 'mailto:')
      and (i.lifecycle -> 'deleted' is null
        or (i.lifecycle #>> '{created,at}')::bigint > (i.lifecycle #>> '{deleted,at}')::bigint)
      and (i.lifecycle -> 'vanished' is null or (i.lifecycle #>> '{vanished,at}')::bigint <= i.seen_at)`
}
