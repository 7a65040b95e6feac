import { randomUUID } from 'node:crypto'
import fastifyJwt, { type JWT } from '@fastify/jwt'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { uuidv7 } from 'uuidv7'
import type { SuccessfulAttempt } from '../db/login-attempts.ts'
import type { SessionClient } from '../db/session-use.ts'
import { endSession, endSessionsOf, startSession } from '../db/sessions.ts'
import type { StoredUser } from '../db/users.ts'
import { clientNetwork } from '../domain/network.ts'
import {
  createRefreshToken,
  decodeRefreshToken,
  encodeRefreshToken,
  hashRefreshToken,
} from '../domain/refresh-token.ts'
import { createKeyRing, type Secrets } from '../domain/sealing.ts'
import { isSignedToken } from '../domain/token-form.ts'
import { FirstloginError } from '../errors.ts'
import { createRefresh, type Refreshed } from '../sessions/refresh.ts'
import type { RequestLines } from './request-log/lines.ts'

declare module 'fastify' {
  interface FastifyInstance {
    tokens: Tokens
  }
}

/** What a person holds after a login or a refresh. */
export interface IssuedTokens {
  accessToken: string
  expiresInS: number
  refreshToken: string
  refreshTtlS: number
  user: StoredUser
}

export interface Visitor {
  userId: string
  sessionId: string
  /** When the token runs out. Milliseconds since 1970. */
  expiresAt: number
}

/** Who sends a request: as much of it as is known. */
export interface TokenClient {
  userAgent: string | null
  /** An IP address. */
  address: string | null
}

export interface Tokens {
  /** The `iss` of ours. */
  readonly issuer: string
  /** A new session; undefined when the person is no longer active, or has another password by now. The failures before `attempt` are forgiven with it. */
  issue(
    userId: string,
    client: TokenClient & { passwordHash?: string | null },
    attempt?: SuccessfulAttempt,
  ): Promise<IssuedTokens | undefined>
  /**
   * The next tokens of a session; for a token that was used before, within the grace and by the same user agent, those in
   * force. Throws FL_SESSION_INVALID, and ends the session when a used token comes back otherwise.
   */
  rotate(refreshToken: string, client: TokenClient, log?: RequestLines): Promise<IssuedTokens>
  /** Whose token this is, by signature and time alone. Throws FL_SESSION_INVALID. */
  verify(accessToken: string): Visitor
  /** The session that a refresh token belongs to, if we issued it. */
  sessionOf(refreshToken: string): string | undefined
  revoke(sessionId: string): Promise<void>
  revokeAll(userId: string): Promise<void>
}

export interface TokensOptions {
  /** One secret, or several of which the first signs and all verify. */
  secret: Secrets
  /** The issuer and the audience: the address of the service. */
  issuer: string
  accessTtlS: number
  /** How long a session lasts that is not refreshed. */
  refreshTtlS: number
  /** How long a session lasts at all, counted from the login. Default 90 days. */
  maxAgeS?: number
  graceS: number
}

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
/** The library checks an issuer and an audience only where there are some. */
const AccessClaims = Type.Object({
  iss: Type.String(),
  aud: Type.String(),
  sub: Uuid,
  sid: Uuid,
  iat: Type.Integer(),
  exp: Type.Integer(),
})
type AccessClaims = Static<typeof AccessClaims>
const accessClaims = Compile(AccessClaims)

/** RFC 9068, sections 2.1 and 2.2. */
const typ = 'at+jwt'
/** Users sign in at the service itself: it is the only client that tokens are issued to. */
const clientId = 'firstlogin'

export default fp<TokensOptions>(
  async function tokensPlugin(app, options) {
    const { issuer, accessTtlS, refreshTtlS, maxAgeS = 7_776_000, graceS } = options
    const refreshKeys = createKeyRing(options.secret, 'refresh-tokens')
    const first = app.keys.current
    // A host may have @fastify/jwt, or a `user` on its requests: with a `jwt` of our own, ours touches neither.
    app.decorate<object>('jwt', {})
    await app.register(fastifyJwt, {
      namespace: 'firstlogin',
      secret: { private: first.privateKey, public: first.publicKey },
      sign: { algorithm: 'EdDSA', kid: first.kid, header: { alg: 'EdDSA', typ }, iss: issuer, aud: issuer },
      verify: { algorithms: ['EdDSA'], allowedIss: issuer, allowedAud: issuer, checkTyp: typ },
    })
    const jwt = app.getDecorator<{ firstlogin: JWT }>('jwt').firstlogin
    const verified = new LRUCache<string, AccessClaims & { kid: string }>({ max: 20_000 })

    function sign(userId: string, sessionId: string, ttlS: number): string {
      const { kid, privateKey } = app.keys.current
      const iat = Math.floor(Date.now() / 1000)
      const ids = { sub: userId, sid: sessionId, client_id: clientId, jti: randomUUID() }
      const payload = { ...ids, iat, exp: iat + ttlS }
      return kid === first.kid ? jwt.sign(payload) : jwt.sign(payload, { key: privateKey, kid })
    }

    function verify(accessToken: string): Visitor {
      const known = verified.get(accessToken)
      const claims = known ?? (isSignedToken(accessToken) ? read(accessToken) : undefined)
      if (!claims || claims.exp * 1000 <= Date.now() || !app.keys.all.has(claims.kid))
        throw new FirstloginError('FL_SESSION_INVALID')
      if (!known) verified.set(accessToken, claims)
      return { userId: claims.sub, sessionId: claims.sid, expiresAt: claims.exp * 1000 }
    }

    function read(accessToken: string): (AccessClaims & { kid: string }) | undefined {
      try {
        const decoded = jwt.decode<{ header: { kid?: string } }>(accessToken, { complete: true })
        const key = app.keys.all.get(decoded?.header.kid ?? '')
        if (!key) return undefined
        const claims: unknown =
          key.kid === first.kid ? jwt.verify(accessToken) : jwt.verify(accessToken, { key: key.publicKey })
        return accessClaims.Check(claims) ? { ...claims, kid: key.kid } : undefined
      } catch {
        return undefined
      }
    }

    function toIssued({ user, token, leftS }: Refreshed): IssuedTokens {
      // Nothing outlives the session.
      const expiresInS = Math.min(accessTtlS, leftS)
      return {
        accessToken: sign(user.id, token.sessionId, expiresInS),
        expiresInS,
        refreshToken: encodeRefreshToken(refreshKeys, token),
        refreshTtlS: leftS,
        user,
      }
    }

    const refresh = createRefresh<RequestLines>({
      sql: app.sql,
      keys: refreshKeys,
      times: { idleS: refreshTtlS, maxAgeS, graceS },
      async onReuse({ id: sessionId }, user, { log }) {
        log.warn({ event: 'session.reuse_detected', sessionId, userId: user?.id })
        await revoke(sessionId)
      },
      onShared({ id: sessionId }, networks, { log }) {
        app.metrics.sessionsShared.inc()
        log.warn({ event: 'session.shared', sessionId, networks })
      },
      repair: (session, { log }) => app.sessions.repair(session, log),
    })

    async function revoke(sessionId: string): Promise<void> {
      const userId = await endSession(app.sql, sessionId)
      if (userId) app.sessions.forget(userId)
    }

    app.decorate('tokens', {
      issuer,
      async rotate(text, client, log = app.log) {
        const refreshed = await refresh(text, { ...toSessionClient(client), log })
        app.readThrough.recheck(refreshed.user)
        return toIssued(refreshed)
      },
      verify,
      async issue(userId, client, attempt) {
        const token = createRefreshToken(uuidv7())
        const started = await startSession(app.sql, {
          id: token.sessionId,
          userId,
          tokenHash: hashRefreshToken(token),
          ttlS: Math.min(refreshTtlS, maxAgeS),
          network: toSessionClient(client).network,
          attempt,
          ...client,
        })
        return started?.user
          ? toIssued({ user: started.user, token, leftS: started.session.leftS })
          : undefined
      },
      sessionOf: (refreshToken) => decodeRefreshToken(refreshKeys, refreshToken)?.sessionId,
      revoke,
      async revokeAll(userId) {
        await endSessionsOf(app.sql, [userId])
        app.sessions.forget(userId)
      },
    } satisfies Tokens)
  },
  {
    name: 'firstlogin-tokens',
    fastify: '5.x',
    dependencies: ['firstlogin-keys', 'firstlogin-sessions', 'firstlogin-metrics'],
  },
)

/** Behind a proxy an address may be any text. */
const longestNetwork = 64

function toSessionClient({ userAgent, address }: TokenClient): SessionClient {
  const network = address === null ? null : clientNetwork(address).slice(0, longestNetwork)
  return { userAgent: userAgent ?? '', network }
}
