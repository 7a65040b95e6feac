import type { Sql } from 'postgres'
import {
  findSessionHistory,
  repeatSession,
  rotateSession,
  type SessionClient,
  type SessionTimes,
  type UsedSession,
} from '../db/session-use.ts'
import type { Session } from '../db/sessions.ts'
import type { StoredUser } from '../db/users.ts'
import { judgeUsedToken } from '../domain/refresh-grace.ts'
import {
  decodeRefreshToken,
  hashRefreshToken,
  type RefreshToken,
  toGeneration,
} from '../domain/refresh-token.ts'
import type { KeyRing } from '../domain/sealing.ts'
import { FirstloginError } from '../errors.ts'

export interface Refreshed {
  user: StoredUser
  /** The token in force. */
  token: RefreshToken
  /** Whole seconds until the session ends. */
  leftS: number
}

/** Who refreshes, and what the request is logged to. */
export type RefreshClient<Log> = SessionClient & { log: Log }

export interface RefreshOptions<Log> {
  sql: Sql
  keys: KeyRing
  times: SessionTimes
  /** A used token came back after its grace, or from another client: ends the session. */
  onReuse(session: Session, user: StoredUser | null, client: RefreshClient<Log>): Promise<void>
  /** Two networks use one session within one grace. */
  onShared(session: Session, networks: string[], client: RefreshClient<Log>): void
  /** The row of the session's user was lost: finds the user again upstream. */
  repair(session: Session, client: RefreshClient<Log>): Promise<unknown>
}

/** Requests with one token that overtake each other need one attempt each. */
const maxAttempts = 5

/** Exchanges a refresh token for the session's next one. Throws FL_SESSION_INVALID. */
export function createRefresh<Log>(
  options: RefreshOptions<Log>,
): (refreshToken: string, client: RefreshClient<Log>) => Promise<Refreshed> {
  const { sql, keys, times } = options

  async function rotate(token: RefreshToken, client: RefreshClient<Log>): Promise<Refreshed | undefined> {
    const next = toGeneration(token, token.generation + 1)
    const used = await rotateSession(sql, {
      id: token.sessionId,
      presented: hashRefreshToken(token),
      next: hashRefreshToken(next),
      client,
      times,
    })
    return used && toRefreshed(used, next, client)
  }

  /** Undefined when it is worth another attempt: another request was quicker, or the user's row was lost and is back. */
  async function repeat(token: RefreshToken, client: RefreshClient<Log>): Promise<Refreshed | undefined> {
    const { session, user, use } = (await findSessionHistory(sql, token.sessionId)) ?? refuse()
    if (!session.tokenHash.equals(hashRefreshToken(token))) {
      const presented = { generation: token.generation, ...client }
      const verdict = judgeUsedToken(presented, use, times.graceS)
      if (verdict === 'reuse') {
        await options.onReuse(session, user, client)
        refuse()
      }
      const inForce = toGeneration(token, session.generation)
      // Issued by a version whose tokens do not lead to one another.
      if (!session.tokenHash.equals(hashRefreshToken(inForce))) refuse()
      if (user?.status === 'active') {
        const used = await repeatSession(sql, {
          id: session.id,
          generation: session.generation,
          isLate: verdict === 'late',
          issued: session.generation - token.generation,
          client,
          graceS: times.graceS,
        })
        return used && toRefreshed(used, inForce, client)
      }
    }
    if (!user) await options.repair(session, client)
    return undefined
  }

  function toRefreshed(
    { session, user, isShared, sharedNetworks }: UsedSession,
    token: RefreshToken,
    client: RefreshClient<Log>,
  ): Refreshed {
    if (!user || session.leftS < 1) refuse()
    if (isShared) options.onShared(session, sharedNetworks, client)
    return { user, token, leftS: session.leftS }
  }

  return async function refresh(text, client) {
    const token = decodeRefreshToken(keys, text)
    if (!token) refuse()
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const refreshed = (await rotate(token, client)) ?? (await repeat(token, client))
      if (refreshed) return refreshed
    }
    refuse()
  }
}

function refuse(): never {
  throw new FirstloginError('FL_SESSION_INVALID')
}
