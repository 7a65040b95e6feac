import type { TransactionSql } from 'postgres'

// In the order in which a transaction takes them, so that no two deadlock.
const spaces = { events: 26_220, records: 26_221, addresses: 26_222, slugs: 26_223 }

/** Makes everybody else who names one of these keys wait until the transaction ends. */
export async function lock(tx: TransactionSql, kind: keyof typeof spaces, keys: string[]): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(${spaces[kind]}, hash)
    from (select distinct hashtext(key) as hash from unnest(${keys}::text[]) as key order by 1) as hashes`
}
