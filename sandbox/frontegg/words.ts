import type { FaultWords } from '../fault-answers.ts'
import { VendorError } from '../vendor.ts'

/** An error as Frontegg words it. */
export function refusal(status: number, message: string, headers: Record<string, string> = {}): VendorError {
  return new VendorError(status, { errors: [message] }, headers)
}

/** How Frontegg says that it is unwell: no `Retry-After`, and behind its proxy (here `quota`) no header at all. */
export function faultWordsOf(
  resetMs: number,
  clock: () => number,
): Omit<FaultWords, 'dripMs' | 'oversizeBytes'> {
  return {
    empty: '{"_metadata":{"totalItems":0,"totalPages":0},"_links":{},"items":[]}',
    broken: '{"_metadata":{"totalItems":1,"totalPages":1},"_links":{},"items":[{"id":"0198f1a0',
    huge: ['{"_metadata":{"totalItems":0,"totalPages":0},"items":[],"_links":{"self":"', '"}}'],
    jsonType: 'application/json; charset=utf-8',
    say: {
      rate_limit() {
        const reset = new Date(clock() + resetMs).toISOString()
        throw refusal(429, 'Too many requests', { 'x-rate-limit-reset': reset })
      },
      quota() {
        throw refusal(429, 'Too many requests')
      },
      error_500() {
        throw refusal(500, 'Internal server error')
      },
      unauthorized() {
        throw refusal(401, 'Unauthorized')
      },
      forbidden() {
        throw refusal(403, 'Forbidden resource')
      },
    },
  }
}
