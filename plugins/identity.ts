import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { decodeJwt } from 'jose'
import {
  type Member,
  type MemberOrganization,
  type MemberRole,
  type MemberUser,
  touchLastLogin,
} from '../db/members.ts'
import { isAtLeast } from '../domain/grant.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
import type { Role } from '../schemas/user.ts'
import { createIdentityCache, type Kept } from './identity/identity-cache.ts'
import { findOwnCookie, identifyOwn, isOwnIssuer } from './identity/own-tokens.ts'
import { createUpstreamTokens } from './identity/upstream-tokens.ts'
import { createRequestLines, type RequestLines } from './request-log/lines.ts'

declare module 'fastify' {
  interface FastifyInstance {
    identity: IdentityHooks
  }
  interface FastifyContextConfig {
    /** The route accepts tokens of those who act in the name of a user. */
    allowImpersonation?: boolean
  }
  interface FastifyRequest {
    /** Who asks, once one of `app.identity`'s hooks has run. */
    identity: Identity
  }
}

export type { MemberOrganization, MemberRole, MemberUser }

/** Who asks: a person who is there and active, and the organization that they act in. */
export interface Identity extends Member {
  userId: string
  /** Null for somebody who acts for themselves alone; so are `organization` and `membership` then. */
  organizationId: string | null
  /** Whose token it is: the upstream's name, or null for our own. */
  upstream: string | null
  /** What the token says, verified. */
  claims: Readonly<Record<string, unknown>>
  /** Somebody else acts in their name. */
  isImpersonated: boolean
}

/** Hooks for `preHandler` or `onRequest`, in any app; each sets `request.identity`. */
export interface IdentityHooks {
  /**
   * Anybody whom we or an upstream signed in; people, organizations and memberships that are new here are written before
   * the handler runs. Throws FL_TOKEN_INVALID or FL_SESSION_INVALID (401), FL_ACCOUNT_INACTIVE (403),
   * FL_ORGANIZATION_MISSING (403) when the membership that the token names has ended, FL_IMPERSONATION_REFUSED (403) for a
   * token of an impersonator unless the route's config has `allowImpersonation`, FL_UPSTREAM_UNAVAILABLE (503) when the
   * issuer's keys are not known and cannot be asked for.
   */
  authenticate: IdentityHook
  /** The same, and throws FL_ORGANIZATION_MISSING for who acts in no organization. */
  requireOrganization: IdentityHook
  /**
   * The same, and throws FL_ROLE_MISSING for a weaker role than this one: the role in the organization that the user acts in,
   * or where there is none, their own.
   */
  requireRole(role: Role): IdentityHook
  /** The ids of the person and their organization; throws FL_ORGANIZATION_MISSING without one. */
  idsOf(request: FastifyRequest): [userId: string, organizationId: string]
  /** The rows; throws FL_ORGANIZATION_MISSING without an organization. */
  rowsOf(request: FastifyRequest): {
    user: MemberUser
    organization: MemberOrganization
    membership: MemberRole
  }
}

export type IdentityHook = (request: FastifyRequest) => Promise<void>

/** The last login moves no more often. */
const touchMs = 60_000

export default fp(
  async function identityPlugin(app) {
    const cache = createIdentityCache()
    const foreign = createUpstreamTokens(app, () => cache.clear())
    const flights = new Map<string, Promise<Kept>>()
    app.decorateRequest('identity')
    app.addHook('onClose', async () => foreign.close())
    app.notices.subscribe((notice) => {
      if (notice === undefined) cache.clear()
      else if ('userId' in notice) cache.forgetUser(notice.userId)
      else if ('organizationId' in notice) cache.forgetOrganization(notice.organizationId)
    })

    const linesOf = (request: FastifyRequest) => createRequestLines(app.log, request)

    async function authenticate(request: FastifyRequest): Promise<void> {
      const token = findToken(app, request)
      if (!token) throw new FirstloginError('FL_TOKEN_INVALID', { cause: 'there is none' })
      const key = hash('sha256', token, 'base64url')
      const kept = app.notices.isLive ? cache.get(key) : undefined
      const identity =
        kept && kept.expiresAt > Date.now()
          ? touched(kept, linesOf(request))
          : await identify(request, key, token).catch((error: unknown) => tellRefusal(request, error))
      if (identity.isImpersonated && request.routeOptions.config.allowImpersonation !== true)
        tellRefusal(request, new FirstloginError('FL_IMPERSONATION_REFUSED'))
      request.identity = identity
    }

    async function identify(request: FastifyRequest, key: string, token: string): Promise<Identity> {
      const issuer = issuerOf(token)
      if (isOwnIssuer(app, issuer))
        return identifyOwn(app, token, namedOrganization(request), linesOf(request))
      // All who come with one token at the same time share one flight.
      const flight =
        flights.get(key) ??
        identifyForeign(key, token, issuer, linesOf(request)).finally(() => flights.delete(key))
      flights.set(key, flight)
      return touched(await flight, linesOf(request))
    }

    async function identifyForeign(
      key: string,
      token: string,
      issuer: string,
      log: RequestLines,
    ): Promise<Kept> {
      const since = cache.now()
      const found = await foreign.identify(token, issuer, log)
      if (!found) throw new FirstloginError('FL_TOKEN_INVALID', { cause: 'the issuer is unknown' })
      const { identity, expiresAt, isProvisioned } = found
      app.metrics.identities.inc({ outcome: isProvisioned ? 'provisioned' : 'known' })
      const kept = { identity, expiresAt, touchedAt: identity.user.lastLoginAt?.getTime() ?? 0 }
      // What was written for it here comes back as a notice within the moment.
      if (!isProvisioned && app.notices.isLive) cache.set(key, kept, since)
      return kept
    }

    function tellRefusal(request: FastifyRequest, error: unknown): never {
      const code = error instanceof FirstloginError ? error.code : 'FL_INTERNAL'
      app.metrics.identities.inc({ outcome: code })
      if (error instanceof FirstloginError && error.status < 500)
        linesOf(request).info({ event: 'token.refused', code, reason: toReason(error) })
      throw error
    }

    /** Moves the last login of whoever signed in elsewhere, behind the answer. */
    function touched(kept: Kept, log: RequestLines): Identity {
      const { identity, touchedAt } = kept
      if (identity.isImpersonated || Date.now() - touchedAt < touchMs) return identity
      kept.touchedAt = Date.now()
      touchLastLogin(app.sql, identity.userId).catch((error: unknown) => {
        log.warn({ event: 'last_login.failed', err: toLoggable(error) })
      })
      return identity
    }

    function rowsOf({ identity }: Partial<FastifyRequest>) {
      if (!identity) throw new Error('request.identity: this route has none of the hooks of app.identity.')
      const { user, organization, membership } = identity
      if (!organization || !membership) throw new FirstloginError('FL_ORGANIZATION_MISSING')
      return { user, organization, membership }
    }

    async function requireOrganization(request: FastifyRequest): Promise<void> {
      await authenticate(request)
      rowsOf(request)
    }

    app.decorate('identity', {
      authenticate,
      requireOrganization,
      requireRole: (role) =>
        async function requireRole(request) {
          await authenticate(request)
          const { user, membership } = request.identity
          if (!isAtLeast(membership?.role ?? user.role, role)) throw new FirstloginError('FL_ROLE_MISSING')
        },
      idsOf(request) {
        const { user, organization } = rowsOf(request)
        return [user.id, organization.id]
      },
      rowsOf,
    } satisfies IdentityHooks)
  },
  {
    name: 'firstlogin-identity',
    fastify: '5.x',
    dependencies: [
      'firstlogin-db',
      'firstlogin-notices',
      'firstlogin-metrics',
      'firstlogin-http',
      'firstlogin-upstreams',
      'firstlogin-provisioner',
    ],
  },
)

function findToken(app: FastifyInstance, request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization?.slice(0, 7).toLowerCase() === 'bearer ') return authorization.slice(7).trim()
  return findOwnCookie(app, request)
}

/** Only our own tokens act in an organization that the request names: those of upstreams name theirs. */
function namedOrganization({ headers }: FastifyRequest): string | undefined {
  const { 'x-organization-id': named } = headers
  return typeof named === 'string' && named !== '' ? named : undefined
}

/** What the token says of itself, to choose whose keys are tried: nothing is trusted before they fit. */
function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? ''
  } catch {
    throw new FirstloginError('FL_TOKEN_INVALID', { cause: 'it is no token' })
  }
}

/** Only ours is a sentence; other causes may repeat what was sent. */
function toReason({ cause }: FirstloginError): string | undefined {
  return typeof cause === 'string' ? cause : undefined
}
