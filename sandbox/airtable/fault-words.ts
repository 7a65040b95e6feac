import type { FaultWords } from '../fault-answers.ts'
import { authenticationRequired, noSuchModel, pluralError, rateLimitReached, typedError } from './errors.ts'
import type { Knobs } from './options.ts'

/** How Airtable says that it is unwell. */
export function faultWordsOf(knobs: Knobs): FaultWords {
  return {
    empty: '{"records":[]}',
    broken: '{"records":[{"id":"recBrokenBroken","fields":{"Email":"',
    huge: [
      '{"records":[{"id":"recOversize000001","createdTime":"2026-01-05T09:00:00.000Z","fields":{"Name":"',
      '"}}]}',
    ],
    jsonType: 'application/json; charset=utf-8',
    dripMs: knobs.dripMs,
    oversizeBytes: knobs.oversizeBytes,
    say: {
      rate_limit() {
        throw rateLimitReached()
      },
      quota() {
        const code = 'PUBLIC_API_BILLING_LIMIT_EXCEEDED'
        const message =
          "API billing plan limit exceeded. You've reached the maximum number of requests allowed for this month."
        throw knobs.quotaEnvelope === 'plural'
          ? pluralError(429, code, message)
          : typedError(429, code, message)
      },
      error_500() {
        throw typedError(500, 'SERVER_ERROR', 'Internal server error')
      },
      unauthorized() {
        throw authenticationRequired()
      },
      forbidden() {
        throw noSuchModel()
      },
    },
  }
}
