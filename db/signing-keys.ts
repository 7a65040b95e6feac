import type { Sql, TransactionSql } from 'postgres'
import { notify } from './notices.ts'
import { inTransaction } from './transaction.ts'

export type KeyState = 'next' | 'current' | 'previous'

export interface StoredKey {
  kid: string
  state: KeyState
  publicJwk: Record<string, string>
  sealedPrivateKey: Buffer
}

export type NewKey = Omit<StoredKey, 'state'>

export async function listSigningKeys(sql: Sql | TransactionSql): Promise<StoredKey[]> {
  return sql<StoredKey[]>`
    select kid, state, public_jwk as "publicJwk", sealed_private_key as "sealedPrivateKey"
    from firstlogin.signing_keys where state <> 'retired'`
}

/**
 * Fills the places `current` and `next` where they are empty; instances that start at once agree on the keys. `verify` is
 * handed the stored keys before anything is written.
 */
export async function ensureSigningKeys(
  sql: Sql,
  verify: (keys: readonly StoredKey[]) => void,
  createKey: () => NewKey,
): Promise<StoredKey[]> {
  return inTransaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('firstlogin.signing_keys'))`
    const keys = await listSigningKeys(tx)
    verify(keys)
    for (const state of ['current', 'next'] as const) {
      if (keys.some((key) => key.state === state)) continue
      keys.push({ ...createKey(), state })
      await insertKey(tx, keys.at(-1) as StoredKey)
    }
    return keys
  })
}

/**
 * `current` becomes `previous`, `next` becomes `current`, a new one `next`. The public keys were known before. `verify` is
 * handed the stored keys before anything is written.
 */
export async function rotateSigningKeys(
  sql: Sql,
  verify: (keys: readonly StoredKey[]) => void,
  createKey: () => NewKey,
): Promise<void> {
  await inTransaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('firstlogin.signing_keys'))`
    verify(await listSigningKeys(tx))
    await tx`update firstlogin.signing_keys set state = 'retired', changed_at = now() where state = 'previous'`
    await tx`update firstlogin.signing_keys set state = 'previous', changed_at = now() where state = 'current'`
    await tx`update firstlogin.signing_keys set state = 'current', changed_at = now() where state = 'next'`
    await insertKey(tx, { ...createKey(), state: 'next' })
    await notify(tx, [{ keys: true }])
  })
}

async function insertKey(tx: TransactionSql, key: StoredKey): Promise<void> {
  await tx`
    insert into firstlogin.signing_keys (kid, state, public_jwk, sealed_private_key)
    values (${key.kid}, ${key.state}, ${tx.json(key.publicJwk)}, ${key.sealedPrivateKey})`
}
