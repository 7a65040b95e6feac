import type { Sql, TransactionSql } from 'postgres'
import type { Change } from '../domain/change.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import { addressOf, splitTwins } from '../domain/twins.ts'
import { isListed } from './listings.ts'

/**
 * Splits off the ids of several records with one address, in these news or one of them here already, as seen since a
 * moment: nobody knows which of them is the person.
 */
export async function splitOffTwins<T extends Change>(
  sql: Sql | TransactionSql,
  upstream: string,
  news: T[],
  since = 0,
): Promise<{ single: T[]; ambiguous: string[] }> {
  const { single, rivals } = splitTwins(news)
  const told = single.map(({ externalId }) => externalId)
  const holders = await findHolders(sql, { upstream, emails: single.flatMap(addressOf), told, since })
  const isTwin = (change: T) => addressOf(change).some((email) => holders.has(email))
  return {
    single: single.filter((change) => !isTwin(change)),
    ambiguous: [...rivals.flat(), ...single.filter(isTwin)].map(({ externalId }) => externalId),
  }
}

/** Which of these addresses records have that were seen since and of which these news do not tell. */
async function findHolders(
  sql: Sql | TransactionSql,
  news: { upstream: string; emails: CanonicalEmail[]; told: string[]; since: number },
): Promise<Set<CanonicalEmail>> {
  const rows = await sql<{ email: CanonicalEmail }[]>`
    select distinct i.email_canonical as email
    from firstlogin.identities i join firstlogin.users u on u.id = i.user_id
    where i.upstream = ${news.upstream} and i.email_canonical = any(${news.emails}::text[])
      and i.external_id <> all(${news.told}::text[]) and i.seen_at >= ${news.since} and ${isListed(sql)}`
  return new Set(rows.map(({ email }) => email))
}
