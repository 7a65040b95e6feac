import type { TransactionSql } from 'postgres'

/** Something that lies encrypted in the database, under a key derived from FIRSTLOGIN_SECRET. */
export interface SealedValue {
  kind: 'signing-keys' | 'feeds'
  /** The key's id, or the upstream: what it was sealed for, too. */
  id: string
  sealed: Buffer
  /** Of a retired signing key: nothing reads it. */
  isRetired: boolean
}

/** Everything that lies encrypted, locked until the end of the transaction; new signing keys wait for it. */
export async function lockSealedValues(tx: TransactionSql): Promise<SealedValue[]> {
  await tx`select pg_advisory_xact_lock(hashtext('firstlogin.signing_keys'))`
  const keys = await tx<SealedValue[]>`
    select 'signing-keys' as kind, kid as id, sealed_private_key as sealed, state = 'retired' as "isRetired"
    from firstlogin.signing_keys order by kid for update`
  const feeds = await tx<SealedValue[]>`
    select 'feeds' as kind, upstream as id, sealed_subscription as sealed, false as "isRetired"
    from firstlogin.feeds order by upstream for update`
  return [...keys, ...feeds]
}

export async function replaceSealedValue(
  tx: TransactionSql,
  { kind, id, sealed }: SealedValue,
): Promise<void> {
  if (kind === 'signing-keys')
    await tx`update firstlogin.signing_keys set sealed_private_key = ${sealed} where kid = ${id}`
  else await tx`update firstlogin.feeds set sealed_subscription = ${sealed} where upstream = ${id}`
}
