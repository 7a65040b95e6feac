import type { Sql } from 'postgres'
import type { SessionUse } from '../domain/refresh-grace.ts'
import { type SessionRow, type SessionWithUser, sessionColumns, toSession } from './sessions.ts'

/** The request that uses a token. `network` is null where its address is not known. */
export interface SessionClient {
  userAgent: string
  network: string | null
}

export interface SessionTimes {
  /** Seconds until a session ends that is not refreshed. */
  idleS: number
  /** Seconds after the login when it ends in any case. */
  maxAgeS: number
  graceS: number
}

export interface UsedSession extends SessionWithUser {
  /** Two networks have used the session within one grace, this request's among them. */
  isShared: boolean
  /** The latest first. */
  sharedNetworks: string[]
}

/** What decides about a token that is not in force. */
export interface SessionHistory extends SessionWithUser {
  use: SessionUse
}

type UsedRow = SessionRow & { isShared: boolean; sharedNetworks: string[] }

/** More rotations than these within one grace are no tabs. */
const maxIssued = 64
const maxNetworks = 10

/** Puts the next token in force if `presented` still is: of many that race, one does. Undefined for all others. */
export async function rotateSession(
  sql: Sql,
  rotation: { id: string; presented: Buffer; next: Buffer; client: SessionClient; times: SessionTimes },
): Promise<UsedSession | undefined> {
  const { id, presented, next, client, times } = rotation
  const [row] = await sql<UsedRow[]>`
    update firstlogin.sessions s
    set generation = s.generation + 1, previous_hash = s.token_hash, token_hash = ${next}, rotated_at = now(),
      expires_at = least(now() + make_interval(secs => ${times.idleS}),
        s.created_at + make_interval(secs => ${times.maxAgeS})),
      issued_ats = (now() || array(
        select at from unnest(s.issued_ats) with ordinality as issued (at, place)
        where at > now() - make_interval(secs => ${times.graceS}) order by place))[1:${maxIssued}::int],
      last_user_agent = ${client.userAgent}, last_network = ${client.network}, ${sharing(sql, client, times)}
    from firstlogin.users u
    where s.id = ${id} and s.token_hash = ${presented} and s.ended_at is null and s.expires_at > now()
      and s.created_at + make_interval(secs => ${times.maxAgeS}) >= now() + interval '1 second'
      and u.id = s.user_id and u.status = 'active'
    returning ${sessionColumns(sql)}, ${usedColumns(sql)}`
  return row && toUsed(row)
}

/** Notes that a used token was presented again. Undefined if another token is in force by now. */
export async function repeatSession(
  sql: Sql,
  repeat: {
    id: string
    generation: number
    isLate: boolean
    issued: number
    client: SessionClient
    graceS: number
  },
): Promise<UsedSession | undefined> {
  const { id, generation, isLate, issued, client, graceS } = repeat
  const isSame = sql`s.last_network is not distinct from ${client.network}`
  const [row] = await sql<UsedRow[]>`
    update firstlogin.sessions s
    set repeated_at = case when ${isSame} then now() else s.repeated_at end,
      issued_ats = case when ${isLate} then array_fill(now(), array[${issued}::int]) else s.issued_ats end,
      ${sharing(sql, client, { graceS })}
    from firstlogin.users u
    where s.id = ${id} and s.generation = ${generation} and s.ended_at is null and s.expires_at > now()
      and u.id = s.user_id and u.status = 'active'
    returning ${sessionColumns(sql)}, ${usedColumns(sql)}`
  return row && toUsed(row)
}

/** A session in force, and how it was used. */
export async function findSessionHistory(sql: Sql, id: string): Promise<SessionHistory | undefined> {
  const [row] = await sql<(SessionRow & Omit<SessionUse, 'generation'>)[]>`
    select ${sessionColumns(sql)},
      coalesce(s.last_user_agent, s.user_agent, '') as "userAgent", s.last_network as network,
      extract(epoch from clock_timestamp() - s.repeated_at)::float8 as "repeatedAgoS",
      to_jsonb(array(
        select extract(epoch from clock_timestamp() - at)::float8
        from unnest(s.issued_ats) with ordinality as issued (at, place) order by place)) as "issuedAgoS"
    from firstlogin.sessions s left join firstlogin.users u on u.id = s.user_id
    where s.id = ${id} and s.ended_at is null and s.expires_at > now()`
  if (!row) return undefined
  const { userAgent, network, repeatedAgoS, issuedAgoS, ...rest } = row
  const { session, user } = toSession(rest)
  return {
    session,
    user,
    use: { generation: session.generation, userAgent, network, repeatedAgoS, issuedAgoS },
  }
}

function sharing(sql: Sql, { network }: SessionClient, { graceS }: Pick<SessionTimes, 'graceS'>) {
  const isShared = sql`s.last_network <> ${network} and s.rotated_at > now() - make_interval(secs => ${graceS})`
  return sql`
    shared_at = case when ${isShared} then now() else s.shared_at end,
    shared_networks = case when ${isShared} then (array(
      select network from unnest(s.shared_networks || array[s.last_network, ${network}])
        with ordinality as networks (network, place)
      group by network order by max(place) desc
    ))[1:${maxNetworks}::int] else s.shared_networks end`
}

function usedColumns(sql: Sql) {
  return sql`coalesce(s.shared_at = now(), false) as "isShared", to_jsonb(s.shared_networks) as "sharedNetworks"`
}

function toUsed({ isShared, sharedNetworks, ...row }: UsedRow): UsedSession {
  return { ...toSession(row), isShared, sharedNetworks }
}
