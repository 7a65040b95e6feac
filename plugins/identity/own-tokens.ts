import type { FastifyInstance, FastifyRequest } from 'fastify'
import { listMemberships } from '../../db/members.ts'
import { FirstloginError } from '../../errors.ts'
import type { Identity } from '../identity.ts'
import type { Identified } from './upstream-tokens.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whether it is our own token; a host may accept those of upstreams alone. */
export function isOwnIssuer(app: FastifyInstance, issuer: string): boolean {
  return app.hasDecorator('tokens') && app.hasDecorator('sessions') && app.tokens.issuer === issuer
}

export function findOwnCookie(app: FastifyInstance, request: FastifyRequest): string | undefined {
  return app.hasDecorator('sessionCookies') ? app.sessionCookies.read(request, 'access') : undefined
}

/**
 * Whoever signed in here. Their organization is the one that they name, if they belong to it, else their only one: with
 * several of them and none named it is null. Throws FL_SESSION_INVALID and FL_ORGANIZATION_MISSING.
 */
export async function identifyOwn(
  app: FastifyInstance,
  token: string,
  organizationId: string | undefined,
): Promise<Identified> {
  const visitor = app.tokens.verify(token)
  const { user: stored, session } = await app.sessions.get(visitor)
  if (organizationId !== undefined && !uuid.test(organizationId))
    throw new FirstloginError('FL_ORGANIZATION_MISSING')
  const memberships = await listMemberships(app.sql, { userId: stored.id, organizationId, limit: 2 })
  const only = memberships.length === 1 ? memberships[0] : undefined
  if (organizationId !== undefined && !only) throw new FirstloginError('FL_ORGANIZATION_MISSING')
  const { passwordHash: _, sight: __, ...user } = stored
  return {
    identity: {
      userId: user.id,
      organizationId: only?.organization.id ?? null,
      user,
      organization: only?.organization ?? null,
      membership: only?.membership ?? null,
      upstream: null,
      claims: { sub: visitor.userId, sid: visitor.sessionId, exp: visitor.expiresAt / 1000 },
      isImpersonated: false,
    },
    expiresAt: Math.min(visitor.expiresAt, session.expiresAt.getTime()),
    isProvisioned: false,
  }
}

/** Throws FL_SESSION_INVALID when the session of somebody who was identified before has ended. */
export async function confirmOwn(app: FastifyInstance, { userId, claims }: Identity): Promise<void> {
  await app.sessions.get({ userId, sessionId: String(claims['sid']) })
}
