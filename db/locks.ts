import type { TransactionSql } from 'postgres'

// In the order in which a transaction takes them, so that no two deadlock.
const spaces = { events: 26_220, records: 26_221, addresses: 26_222, slugs: 26_223, settings: 26_224 }

/** Makes everybody else who names one of these keys wait until the transaction ends. */
export async function lock(
  tx: TransactionSql,
  kind: Exclude<keyof typeof spaces, 'settings'>,
  keys: string[],
): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(${spaces[kind]}, hash)
    from (select distinct hashtext(key) as hash from unnest(${keys}::text[]) as key order by 1) as hashes`
}

/** Any number of transactions hold it at once; `exclude` waits until they end. */
export async function lockShared(tx: TransactionSql, key: string): Promise<void> {
  await tx`select pg_advisory_xact_lock_shared(${spaces.settings}, hashtext(${key}))`
}

/** Waits for all who hold it, and keeps others out until the transaction ends. */
export async function exclude(tx: TransactionSql, key: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(${spaces.settings}, hashtext(${key}))`
}
