import type { Sql, TransactionSql } from 'postgres'
import type { CanonicalEmail } from '../domain/email.ts'
import { runKey } from '../domain/runs.ts'
import type { Role, UserStatus } from '../schemas/user.ts'

export interface StoredUser {
  id: string
  email: string
  emailVerified: boolean
  name: string | null
  avatarUrl: string | null
  status: UserStatus
  role: Role
  passwordHash: string | null
  createdAt: Date
  lastLoginAt: Date | null
  sight: Sight | null
}

/** The upstream record of a person that was looked at longest ago; `checkedAt` in milliseconds since 1970. */
export interface Sight {
  upstream: string
  externalId: string
  checkedAt: number
}

/** The columns of a StoredUser from `firstlogin.users u`. */
export function userColumns(sql: Sql | TransactionSql) {
  return sql`
    u.id, u.email, u.email_verified as "emailVerified", u.name, u.avatar_url as "avatarUrl", u.status, u.role,
    u.password_hash as "passwordHash", u.created_at as "createdAt", u.last_login_at as "lastLoginAt",
    (
      select jsonb_build_object('upstream', upstream, 'externalId', external_id,
        'checkedAt', floor(extract(epoch from checked_at) * 1000))
      from firstlogin.identities where user_id = u.id order by checked_at limit 1
    ) as sight`
}

/** Deleted people are not found: their address is free. */
export async function findUserByEmail(sql: Sql, email: CanonicalEmail): Promise<StoredUser | undefined> {
  const [row] = await sql<StoredUser[]>`
    select ${userColumns(sql)} from firstlogin.users u
    where u.email_canonical = ${email} and u.status <> 'deleted'`
  return row
}

export async function findUserByIdentity(
  sql: Sql,
  upstream: string,
  externalId: string,
): Promise<StoredUser | undefined> {
  const [row] = await sql<StoredUser[]>`
    select ${userColumns(sql)}
    from firstlogin.identities i join firstlogin.users u on u.id = i.user_id
    where i.upstream = ${upstream} and i.external_id = ${externalId} and u.status <> 'deleted'`
  return row
}

/**
 * Puts a better hash of the same password in place of the one that was verified, in the row and in what the upstream
 * said, so that the weaker one is gone. The record remembers a digest of the weaker one: if upstream repeats it, that is
 * no change. Does nothing when the hash has changed meanwhile.
 */
export async function upgradePasswordHash(sql: Sql, user: StoredUser, hash: string): Promise<void> {
  const replaced = runKey('passwordHash', { value: user.passwordHash, at: 0 })
  await sql`
    with upgraded as (
      update firstlogin.users
      set password_hash = ${hash}, updated_at = now(),
        local = case when coalesce(provenance #>> '{passwordHash,source}', 'local') <> 'local' then local
          else local || jsonb_build_object('passwordHash',
            coalesce(local -> 'passwordHash', jsonb_build_object(
              'at', coalesce(provenance #> '{passwordHash,at}', '0'), 'event', ''))
            || jsonb_build_object('value', ${hash}::text, 'replaced',
              coalesce(local #>> '{passwordHash,replaced}', ${replaced}::text))) end
      where id = ${user.id} and password_hash = ${user.passwordHash}
      returning id
    )
    update firstlogin.identities i set password_hash = ${hash},
      claims = case when claims ? 'passwordHash' then jsonb_set(claims, '{passwordHash,replaced}',
        coalesce(claims #> '{passwordHash,replaced}', to_jsonb(${replaced}::text))) else claims end
    from upgraded where i.user_id = upgraded.id and i.password_hash = ${user.passwordHash}`
}

/**
 * Marks records as looked at, whatever came of it, so that they are not asked for again at once. Rows are locked in
 * the order in which `saveRecords` writes them.
 */
export async function touchIdentities(sql: Sql, upstream: string, externalIds: string[]): Promise<void> {
  await sql`
    update firstlogin.identities i set checked_at = now()
    from (
      select upstream, external_id from firstlogin.identities
      where upstream = ${upstream} and external_id = any(${externalIds}::text[])
      order by upstream, external_id for update
    ) as seen
    where i.upstream = seen.upstream and i.external_id = seen.external_id`
}
