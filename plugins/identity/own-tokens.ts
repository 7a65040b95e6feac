import type { FastifyInstance, FastifyRequest } from 'fastify'
import { FirstloginError } from '../../errors.ts'
import type { Identity } from '../identity.ts'
import type { RequestLines } from '../request-log/lines.ts'

/** Whether it is our own token; a host may accept those of upstreams alone. */
export function isOwnIssuer(app: FastifyInstance, issuer: string): boolean {
  return app.hasDecorator('tokens') && app.hasDecorator('sessions') && app.tokens.issuer === issuer
}

export function findOwnCookie(app: FastifyInstance, request: FastifyRequest): string | undefined {
  return app.hasDecorator('sessionCookies') ? app.sessionCookies.read(request, 'access') : undefined
}

/**
 * Whoever signed in here, from the memory of sessions. Their organization is the one that they name, if they belong to
 * it, else their only one: with several of them and none named it is null. Throws FL_SESSION_INVALID and
 * FL_ORGANIZATION_MISSING.
 */
export async function identifyOwn(
  app: FastifyInstance,
  token: string,
  organizationId: string | undefined,
  log: RequestLines,
): Promise<Identity> {
  const visitor = app.tokens.verify(token)
  const { user: stored, belongings } = await app.sessions.get(visitor, log)
  const { passwordHash: _, sight: __, ...user } = stored
  const named = belongings.find(({ organization }) => organization.id === organizationId)
  if (organizationId !== undefined && !named) throw new FirstloginError('FL_ORGANIZATION_MISSING')
  const only = named ?? (belongings.length === 1 ? belongings[0] : undefined)
  return {
    userId: user.id,
    organizationId: only?.organization.id ?? null,
    user,
    organization: only?.organization ?? null,
    membership: only?.membership ?? null,
    upstream: null,
    claims: { sub: visitor.userId, sid: visitor.sessionId, exp: visitor.expiresAt / 1000 },
    isImpersonated: false,
  }
}
