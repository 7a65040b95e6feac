import type { Sql, TransactionSql } from 'postgres'
import { notify } from './notices.ts'
import { inTransaction } from './transaction.ts'

export interface StoredFeed {
  sealedSubscription: Buffer
  cursor: number
}

/** A feed whose only worker the caller is, for eight seconds. */
export interface ClaimedFeed extends StoredFeed {
  /** There was a ping since the last reading, or that was six hours ago. */
  isReadDue: boolean
  /** That is so every six hours. */
  isRenewalDue: boolean
  /** It was read so long ago, if ever, that some news may be in no reading: upstreams keep them for a week. */
  isBehind: boolean
  /** By the database's clock. */
  claimedAt: Date
}

export async function findFeed(sql: Sql, upstream: string): Promise<StoredFeed | undefined> {
  const [row] = await sql<StoredFeed[]>`
    select sealed_subscription as "sealedSubscription", cursor::float8 from firstlogin.feeds
    where upstream = ${upstream}`
  return row
}

/** A new subscription in place of the old one, to be read at once. */
export async function saveFeed(sql: Sql, upstream: string, feed: StoredFeed): Promise<void> {
  await inTransaction(sql, async (tx) => {
    await tx`
      insert into firstlogin.feeds (upstream, sealed_subscription, cursor)
      values (${upstream}, ${feed.sealedSubscription}, ${feed.cursor})
      on conflict (upstream) do update set
        sealed_subscription = excluded.sealed_subscription, cursor = excluded.cursor, subscribed_at = now(),
        read_at = '-infinity', renewed_at = now()`
    await notify(tx, [{ feed: upstream }])
  })
}

/** The same; false if the old one is not there any more. */
export async function replaceFeed(
  sql: Sql,
  upstream: string,
  old: StoredFeed,
  feed: StoredFeed,
): Promise<boolean> {
  const { count } = await sql`
    update firstlogin.feeds set
      sealed_subscription = ${feed.sealedSubscription}, cursor = ${feed.cursor}, subscribed_at = now(),
      read_at = '-infinity', renewed_at = now()
    where upstream = ${upstream} and sealed_subscription = ${old.sealedSubscription}`
  return count === 1
}

export async function deleteFeed(sql: Sql, upstream: string): Promise<void> {
  await sql`delete from firstlogin.feeds where upstream = ${upstream}`
}

/** Remembers a ping, and wakes the worker, on whichever instance it is. */
export async function notePing(sql: Sql, upstream: string): Promise<void> {
  await inTransaction(sql, async (tx) => {
    await tx`update firstlogin.feeds set pinged_at = clock_timestamp() where upstream = ${upstream}`
    await notify(tx, [{ feed: upstream }])
  })
}

/** Undefined while another instance works on it, and for what nobody subscribed to. Claiming again prolongs the lease. */
export async function claimFeed(
  sql: Sql,
  upstream: string,
  worker: string,
): Promise<ClaimedFeed | undefined> {
  const [row] = await sql<ClaimedFeed[]>`
    update firstlogin.feeds set worker = ${worker}, worker_until = now() + interval '8 seconds'
    where upstream = ${upstream} and (worker = ${worker} or worker_until < now())
    returning sealed_subscription as "sealedSubscription", cursor::float8, now() as "claimedAt",
      pinged_at > read_at or read_at < now() - interval '6 hours' as "isReadDue",
      renewed_at < now() - interval '6 hours' as "isRenewalDue",
      read_at < now() - interval '6 days' as "isBehind"`
  return row
}

export async function releaseFeed(sql: Sql, upstream: string, worker: string): Promise<void> {
  await sql`
    update firstlogin.feeds set worker_until = '-infinity' where upstream = ${upstream} and worker = ${worker}`
}

/** Moves the cursor; false if the lease has passed to somebody else, or the subscription was replaced. */
export async function moveCursor(
  tx: TransactionSql,
  upstream: string,
  worker: string,
  { sealedSubscription }: StoredFeed,
  { from, to }: { from: number; to: number },
): Promise<boolean> {
  const { count } = await tx`
    update firstlogin.feeds set cursor = ${to}
    where upstream = ${upstream} and worker = ${worker} and cursor = ${from}
      and sealed_subscription = ${sealedSubscription}`
  return count === 1
}

/** All news of the time before it was claimed were read. */
export async function markRead(sql: Sql, upstream: string, claimed: ClaimedFeed): Promise<void> {
  await sql`
    update firstlogin.feeds set read_at = ${claimed.claimedAt}
    where upstream = ${upstream} and sealed_subscription = ${claimed.sealedSubscription}`
}

export async function markRenewed(sql: Sql, upstream: string, claimed: ClaimedFeed): Promise<void> {
  await sql`
    update firstlogin.feeds set renewed_at = now()
    where upstream = ${upstream} and sealed_subscription = ${claimed.sealedSubscription}`
}
