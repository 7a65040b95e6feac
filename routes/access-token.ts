import type { FastifyInstance, FastifyRequest } from 'fastify'
import { FirstloginError } from '../errors.ts'

/** The access token of a request, from its header or else its cookie. Throws FL_SESSION_INVALID without one. */
export function getAccessToken(app: FastifyInstance, request: FastifyRequest): string {
  const { authorization } = request.headers
  if (authorization?.slice(0, 7).toLowerCase() === 'bearer ') return authorization.slice(7)
  const token = app.sessionCookies.read(request, 'access')
  if (!token) throw new FirstloginError('FL_SESSION_INVALID')
  return token
}
