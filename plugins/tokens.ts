import fastifyJwt, { type JWT } from '@fastify/jwt'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { uuidv7 } from 'uuidv7'
import type { SuccessfulAttempt } from '../db/login-attempts.ts'
import { endSession, endSessionsOf, findSession, rotateSession, startSession } from '../db/sessions.ts'
import type { StoredUser } from '../db/users.ts'
import {
  createRefreshToken,
  decodeRefreshToken,
  encodeRefreshToken,
  hashRefreshToken,
  nextRefreshToken,
  type RefreshToken,
} from '../domain/refresh-token.ts'
import { deriveKey } from '../domain/sealing.ts'
import { isSignedToken } from '../domain/token-form.ts'
import { FirstloginError } from '../errors.ts'

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

export interface Tokens {
  /** The `iss` of ours. */
  readonly issuer: string
  /** A new session; undefined when the person is no longer active. The failures before `attempt` are forgiven with it. */
  issue(
    userId: string,
    client: { userAgent: string | null; address: string | null },
    attempt?: SuccessfulAttempt,
  ): Promise<IssuedTokens | undefined>
  /** The next tokens of a session, the same ones within the grace. Throws FL_SESSION_INVALID. */
  rotate(refreshToken: string): Promise<IssuedTokens>
  /** Whose token this is, by signature and time alone. Throws FL_SESSION_INVALID. */
  verify(accessToken: string): Visitor
  /** The session that a refresh token belongs to, if we issued it. */
  sessionOf(refreshToken: string): string | undefined
  revoke(sessionId: string): Promise<void>
  revokeAll(userId: string): Promise<void>
}

export interface TokensOptions {
  secret: string
  /** The issuer: the address of the service. */
  issuer: string
  accessTtlS: number
  refreshTtlS: number
  graceS: number
}

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })
/** The library checks an issuer only where there is one. */
const AccessClaims = Type.Object({ iss: Type.String(), sub: Uuid, sid: Uuid, exp: Type.Integer() })
type AccessClaims = Static<typeof AccessClaims>
const accessClaims = Compile(AccessClaims)

export default fp<TokensOptions>(
  async function tokensPlugin(app, options) {
    const { issuer, accessTtlS, refreshTtlS, graceS } = options
    const refreshKey = deriveKey(options.secret, 'refresh-tokens')
    const first = app.keys.current
    // A host may have @fastify/jwt, or a `user` on its requests: with a `jwt` of our own, ours touches neither.
    app.decorate<object>('jwt', {})
    await app.register(fastifyJwt, {
      namespace: 'firstlogin',
      secret: { private: first.privateKey, public: first.publicKey },
      sign: { algorithm: 'EdDSA', kid: first.kid, iss: issuer, expiresIn: `${accessTtlS}s` },
      verify: { algorithms: ['EdDSA'], allowedIss: issuer },
    })
    const jwt = app.getDecorator<{ firstlogin: JWT }>('jwt').firstlogin
    const verified = new LRUCache<string, AccessClaims & { kid: string }>({ max: 20_000 })

    function sign(payload: { sub: string; sid: string }): string {
      const { kid, privateKey } = app.keys.current
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

    function toIssued(user: StoredUser, token: RefreshToken): IssuedTokens {
      return {
        accessToken: sign({ sub: user.id, sid: token.sessionId }),
        expiresInS: accessTtlS,
        refreshToken: encodeRefreshToken(refreshKey, token),
        refreshTtlS,
        user,
      }
    }

    async function rotate(text: string): Promise<IssuedTokens> {
      const token = decodeRefreshToken(refreshKey, text)
      if (!token) throw new FirstloginError('FL_SESSION_INVALID')
      return (await exchange(token)) ?? (await exchange(token)) ?? refuse()
    }

    /** Undefined when it is worth another try: somebody else was quicker, or the person's row was lost and is back. */
    async function exchange(token: RefreshToken): Promise<IssuedTokens | undefined> {
      const successor = nextRefreshToken(refreshKey, token)
      const presented = hashRefreshToken(token)
      const rotated = await rotateSession(app.sql, {
        id: token.sessionId,
        presented,
        next: hashRefreshToken(successor),
        ttlS: refreshTtlS,
      })
      if (rotated?.user) {
        app.readThrough.recheck(rotated.user)
        return toIssued(rotated.user, successor)
      }

      const { session, user } = (await findSession(app.sql, token.sessionId)) ?? refuse()
      const isInForce = session.tokenHash.equals(presented)
      const isRetry = session.previousHash?.equals(presented) === true && session.rotatedForS <= graceS
      if (!isInForce && !isRetry) {
        // An old token after its grace: somebody else has used it. Nobody may go on with this session.
        app.log.warn({ event: 'session.reuse_detected', sessionId: session.id, userId: user?.id })
        await revoke(session.id)
        refuse()
      }
      if (!user) await app.sessions.repair(session)
      return user?.status === 'active' && isRetry ? toIssued(user, successor) : undefined
    }

    async function revoke(sessionId: string): Promise<void> {
      const userId = await endSession(app.sql, sessionId)
      if (userId) app.sessions.forget(userId)
    }

    function refuse(): never {
      throw new FirstloginError('FL_SESSION_INVALID')
    }

    app.decorate('tokens', {
      issuer,
      rotate,
      verify,
      async issue(userId, client, attempt) {
        const token = createRefreshToken(uuidv7())
        const session = {
          id: token.sessionId,
          userId,
          tokenHash: hashRefreshToken(token),
          ttlS: refreshTtlS,
          attempt,
          ...client,
        }
        const started = await startSession(app.sql, session)
        return started?.user ? toIssued(started.user, token) : undefined
      },
      sessionOf: (refreshToken) => decodeRefreshToken(refreshKey, refreshToken)?.sessionId,
      revoke,
      async revokeAll(userId) {
        await endSessionsOf(app.sql, [userId])
        app.sessions.forget(userId)
      },
    } satisfies Tokens)
  },
  { name: 'firstlogin-tokens', fastify: '5.x', dependencies: ['firstlogin-keys', 'firstlogin-sessions'] },
)
