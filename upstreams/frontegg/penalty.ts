import type { HttpResponse } from '../upstream.ts'

/** Where a 429 does not say how long it lasts: the windows are minutes. */
const usualPenaltyMs = 60_000
const shortestPenaltyMs = 1000
const longestPenaltyMs = 3_600_000

/** For how long nobody may call, by the moment that `X-Rate-Limit-Reset` names. Undefined unless it is a 429. */
export function penaltyOf({ status, headers }: HttpResponse, now: number): number | undefined {
  if (status !== 429) return undefined
  const reset = headers['x-rate-limit-reset']
  const askedMs = typeof reset === 'string' ? Date.parse(reset) - now : Number.NaN
  if (Number.isNaN(askedMs)) return usualPenaltyMs
  return Math.min(Math.max(askedMs, shortestPenaltyMs), longestPenaltyMs)
}
