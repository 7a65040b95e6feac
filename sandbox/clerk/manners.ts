import type { FastifyRequest } from 'fastify'
import type { FaultWords } from '../fault-answers.ts'
import { clerkError, forbidden, noBearer, noOrganizations, tooManyRequests, wrongKey } from './errors.ts'

/** The keys are public; everything else needs the secret one. */
export function admit(request: FastifyRequest, secretKey: string, hasOrganizations: boolean): void {
  if (!request.url.startsWith('/v1/')) return
  const given = /^Bearer (?<key>\S+)$/i.exec(request.headers.authorization ?? '')?.groups?.['key']
  if (given === undefined) throw noBearer()
  if (given !== secretKey) throw wrongKey()
  if (!hasOrganizations && request.url.includes('/organization')) throw noOrganizations()
}

/** How Clerk says that it is unwell. */
export function faultWords(retryAfterS: number): Omit<FaultWords, 'dripMs' | 'oversizeBytes'> {
  return {
    empty: '[]',
    broken: '[{"id":"user_2BrokenOff","object":"user","first_name":"',
    huge: ['[{"id":"user_2Oversize","object":"user","updated_at":1767603600000,"first_name":"', '"}]'],
    jsonType: 'application/json',
    say: {
      rate_limit() {
        throw tooManyRequests(retryAfterS)
      },
      quota() {
        throw clerkError(403, {
          code: 'user_quota_exceeded',
          message: 'You have reached your limit of users.',
        })
      },
      error_500() {
        throw clerkError(500, {
          code: 'internal_clerk_error',
          message: 'Oops, an unexpected error occurred',
          long: "There was an internal error on our servers. We've been notified and are working on fixing it.",
        })
      },
      unauthorized() {
        throw wrongKey()
      },
      forbidden() {
        throw forbidden()
      },
    },
  }
}
