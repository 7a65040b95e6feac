import type { Sql, TransactionSql } from 'postgres'
import type { Change } from '../domain/change.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import { addressOf, idsByAddress } from '../domain/twins.ts'
import { isListed } from './listings.ts'

/**
 * Splits off several records with one address of which none is known here: nothing says which of them is the person. Where
 * one is known, it stands, and the others may be applied: they take nothing from it. `ambiguous` names all of them.
 */
export async function splitOffTwins<T extends Change>(
  sql: Sql | TransactionSql,
  upstream: string,
  changes: T[],
): Promise<{ usable: T[]; ambiguous: string[] }> {
  const ids = idsByAddress(changes)
  const holders = await findHolders(sql, upstream, [...ids.keys()])
  const isShared = (change: T) =>
    addressOf(change).some((email) => {
      const own = ids.get(email) ?? new Set()
      return own.size > 1 || holders.some((one) => one.email === email && !own.has(one.externalId))
    })
  const isUnclear = (change: T) =>
    addressOf(change).some((email) => {
      return (ids.get(email)?.size ?? 0) > 1 && !holders.some((one) => one.email === email)
    })
  return {
    usable: changes.filter((change) => !isUnclear(change)),
    ambiguous: [...new Set(changes.filter(isShared).map(({ externalId }) => externalId))],
  }
}

/** The records of an upstream that stand for somebody who has one of these addresses. */
async function findHolders(sql: Sql | TransactionSql, upstream: string, emails: CanonicalEmail[]) {
  if (emails.length === 0) return []
  return sql<{ email: CanonicalEmail; externalId: string }[]>`
    select i.email_canonical as email, i.external_id as "externalId"
    from firstlogin.identities i join firstlogin.users u on u.id = i.user_id
    where i.upstream = ${upstream} and i.email_canonical = any(${emails}::text[]) and ${isListed(sql)}`
}

/**
 * Which of these records have a successor: another record of the upstream that names the address, as well verified, and
 * that was seen since a moment. Their people go on when they are gone.
 */
export async function findSucceeded(
  sql: Sql,
  upstream: string,
  externalIds: string[],
  since: Date = new Date(0),
): Promise<Set<string>> {
  if (externalIds.length === 0) return new Set()
  const rows = await sql<{ externalId: string }[]>`
    select i.external_id as "externalId"
    from unnest(${externalIds}::text[]) as name (external_id)
      cross join lateral (
        select * from firstlogin.identities i
        where i.upstream = ${upstream} and i.external_id = name.external_id limit 1
      ) as i
    where exists (
      select from firstlogin.identities other
      where other.email_canonical = i.email_canonical and other.upstream = i.upstream
        and other.external_id <> i.external_id and not starts_with(other.external_id, 'mailto:')
        and other.seen_at >= ${since.getTime()}
        and (other.lifecycle -> 'deleted' is null
          or (other.lifecycle #>> '{created,at}')::bigint > (other.lifecycle #>> '{deleted,at}')::bigint)
        and (other.lifecycle -> 'vanished' is null
          or (other.lifecycle #>> '{vanished,at}')::bigint <= other.seen_at)
        and (i.claims #> '{email,isUnverified}' is not null or other.claims #> '{email,isUnverified}' is null))`
  return new Set(rows.map(({ externalId }) => externalId))
}
