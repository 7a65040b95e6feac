import type { Sql } from 'postgres'

export interface ForeignHash {
  upstream: string
  externalId: string
  passwordHash: string
}

/** The records whose password hash is not one of our own, a thousand at a time. */
export async function* listForeignHashes(sql: Sql): AsyncGenerator<ForeignHash> {
  const rows = sql<ForeignHash[]>`
    select upstream, external_id as "externalId", password_hash as "passwordHash" from firstlogin.identities
    where password_hash is not null and password_hash not like '$argon2id$v=19$m=19456,t=2,p=1$%'`
  for await (const batch of rows.cursor(1000)) yield* batch
}
