import type { Sql } from 'postgres'
import type { Ask } from './host.ts'

/** What there is of one vendor's people. */
export async function countOf(sql: Sql, upstream: string): Promise<Record<string, number> | undefined> {
  const [row] = await sql<Record<string, number>[]>`
    with people as (
      select u.id from firstlogin.users u join firstlogin.identities i on i.user_id = u.id
      where i.upstream = ${upstream} and u.status = 'active'
    )
    select (select count(*)::int from people) as users,
      (select count(*)::int from firstlogin.organizations where upstream = ${upstream}) as organizations,
      (select count(*)::int from firstlogin.memberships where upstream = ${upstream} and active) as memberships,
      (select count(*)::int from chat.chat_sessions where user_id in (select id from people)) as sessions`
  return row
}

/** What the caller is told of a session that is not theirs, on each of the routes that take its id. */
export async function tryAll(as: Ask, id = ''): Promise<[status: number, code: string | undefined][]> {
  const answers = [
    await as('GET', `/sessions/${id}`),
    await as('GET', `/sessions/${id}/messages`),
    await as('POST', `/sessions/${id}/messages`, { text: 'It is me.' }),
    await as('DELETE', `/sessions/${id}`),
  ]
  return answers.map(({ status, body }) => [status, body.code])
}
/** What `tryAll` answers where there is nothing. */
export const refused = Array.from({ length: 4 }, () => [404, 'FL_ROUTE_UNKNOWN'])
