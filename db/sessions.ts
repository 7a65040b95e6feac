import type { Sql, TransactionSql } from 'postgres'
import { runKey } from '../domain/runs.ts'
import { forgiveness, type SuccessfulAttempt } from './login-attempts.ts'
import { channel } from './notices.ts'
import { type StoredUser, userColumns } from './users.ts'

export interface NewSession {
  id: string
  userId: string
  tokenHash: Buffer
  userAgent: string | null
  address: string | null
  network: string | null
  /** Seconds until it ends unless it is refreshed: the shorter one of the idle and the absolute limit. */
  ttlS: number
  /** The login attempt that it follows from: written in the same statement. */
  attempt?: SuccessfulAttempt | undefined
  /** The hash that the user's password was verified against: another one in force by now starts no session. */
  passwordHash?: string | null
}

/** A session in force. `identity` finds its person again when their row was lost and `user` is null. */
export interface Session {
  id: string
  identity: { upstream: string; externalId: string } | null
  generation: number
  tokenHash: Buffer
  createdAt: Date
  expiresAt: Date
  /** Whole seconds until it ends unless it is refreshed, by the database's clock. */
  leftS: number
}

export interface SessionWithUser {
  session: Session
  user: StoredUser | null
}

export type SessionRow = Omit<Session, 'identity' | 'id' | 'createdAt'> & {
  sessionId: string
  sessionCreatedAt: Date
  upstream: string | null
  externalId: string | null
} & StoredUser

/** The columns of a SessionRow from `firstlogin.sessions s` and `firstlogin.users u`. */
export function sessionColumns(sql: Sql | TransactionSql) {
  return sql`
    ${userColumns(sql)},
    s.id as "sessionId", s.upstream, s.external_id as "externalId", s.generation, s.token_hash as "tokenHash",
    s.created_at as "sessionCreatedAt", s.expires_at as "expiresAt",
    floor(extract(epoch from s.expires_at - now()))::float8 as "leftS"`
}

export function toSession(row: SessionRow): SessionWithUser {
  const {
    sessionId,
    sessionCreatedAt,
    upstream,
    externalId,
    generation,
    tokenHash,
    expiresAt,
    leftS,
    ...user
  } = row
  const identity = upstream !== null && externalId !== null ? { upstream, externalId } : null
  return {
    session: {
      id: sessionId,
      identity,
      generation,
      tokenHash,
      createdAt: sessionCreatedAt,
      expiresAt,
      leftS,
    },
    // The columns of a lost row are all null.
    user: user.id === null ? null : user,
  }
}

/** A hash that was replaced here by a stronger one of the same password meanwhile is in force all the same. */
function isPasswordInForce(sql: Sql, hash: string | null | undefined) {
  if (!hash) return sql`true`
  const key = runKey('passwordHash', { value: hash, at: 0 })
  return sql`(password_hash = ${hash} or local #>> '{passwordHash,replaced}' = ${key} or exists (
    select from firstlogin.identities i
    where i.user_id = users.id and i.claims #>> '{passwordHash,replaced}' = ${key}))`
}

/**
 * Starts a session for somebody who is active at that very moment and moves their last login; undefined when they
 * no longer are, or their password has changed. A few sessions that have expired, whoever's they were, are swept away.
 */
export async function startSession(sql: Sql, session: NewSession): Promise<SessionWithUser | undefined> {
  const [row] = await sql<SessionRow[]>`
    with ${session.attempt ? sql`${forgiveness(sql, session.attempt)},` : sql``} swept as (
      delete from firstlogin.sessions where ctid = any(array(
        select ctid from firstlogin.sessions where expires_at < now() limit 10 for update skip locked))
    ), u as (
      update firstlogin.users set last_login_at = now()
      where id = ${session.userId} and status = 'active'
        and ${isPasswordInForce(sql, session.passwordHash)}
      returning *
    ), s as (
      insert into firstlogin.sessions (id, user_id, upstream, external_id, token_hash, user_agent, address, expires_at,
        issued_ats, last_user_agent, last_network)
      select ${session.id}, u.id, i.upstream, i.external_id, ${session.tokenHash}, ${session.userAgent},
        ${session.address}, now() + make_interval(secs => ${session.ttlS}),
        array[now()], ${session.userAgent ?? ''}, ${session.network}
      from u left join lateral (
        select upstream, external_id from firstlogin.identities where user_id = u.id order by upstream limit 1
      ) as i on true
      returning *
    )
    select ${sessionColumns(sql)} from s, u`
  return row && toSession(row)
}

export async function findSession(sql: Sql, id: string): Promise<SessionWithUser | undefined> {
  const [row] = await sql<SessionRow[]>`
    select ${sessionColumns(sql)}
    from firstlogin.sessions s left join firstlogin.users u on u.id = s.user_id
    where s.id = ${id} and s.ended_at is null and s.expires_at > now()`
  return row && toSession(row)
}

/** Gives a session whose person's row was lost to the row that stands for the same identity now. */
export async function adoptSession(sql: Sql, id: string, userId: string): Promise<void> {
  await sql`update firstlogin.sessions set user_id = ${userId} where id = ${id} and user_id is null`
}

/** Tells all instances, and answers whose session it was; undefined when it had ended before. */
export async function endSession(sql: Sql, id: string): Promise<string | undefined> {
  const [row] = await sql<{ userId: string | null }[]>`
    with ended as (
      update firstlogin.sessions set ended_at = now() where id = ${id} and ended_at is null returning user_id
    )
    select user_id as "userId", pg_notify(${channel}, json_build_object('userId', user_id)::text) from ended`
  return row?.userId ?? undefined
}

/** Ends every session of these people and tells all instances. */
export async function endSessionsOf(sql: Sql | TransactionSql, userIds: string[]): Promise<void> {
  if (userIds.length === 0) return
  await sql`
    with ended as (
      update firstlogin.sessions set ended_at = now()
      where user_id = any(${userIds}::uuid[]) and ended_at is null returning user_id
    )
    select pg_notify(${channel}, json_build_object('userId', user_id)::text) from (select distinct user_id from ended) as people`
}
