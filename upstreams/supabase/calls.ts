import { type Calls, createCalls, type Verdict } from '../calls.ts'
import type { HttpResponse, UpstreamContext } from '../upstream.ts'
import { readErrorCode } from './answers.ts'
import type { SupabaseEnv } from './env.ts'

const leastPenaltyMs = 5_000
/** Whatever a proxy in between may say, nobody is shut out for longer. */
const longestPenaltyMs = 3_600_000

/** Paths are below /auth/v1; refusals have GoTrue's names, such as `user_not_found`. */
export function createSupabaseCalls(
  { SUPABASE_URL, SUPABASE_SECRET_KEY: key }: Pick<SupabaseEnv, 'SUPABASE_URL' | 'SUPABASE_SECRET_KEY'>,
  context: UpstreamContext,
): Calls {
  // Only a legacy key is a JWT: for another one the gateway finds it by `apikey` alone.
  const bearer = key.startsWith('sb_secret_') ? {} : { authorization: `Bearer ${key}` }
  const headers = { apikey: key, ...bearer, 'x-supabase-api-version': '2024-01-01' }
  const root = `${SUPABASE_URL.replace(/\/$/, '')}/auth/v1`
  return createCalls({ name: 'supabase', root, headers: () => headers, judge }, context)
}

function judge({ status, headers, body }: HttpResponse): Verdict {
  const type = readErrorCode(body)
  const verdict = { type, reason: `${status} ${type ?? 'without an error of GoTrue'}` }
  if (status !== 429) return { ...verdict, mayRetry: status === 502 || status === 503 || status === 504 }
  const seconds = Number(headers['retry-after'])
  const askedMs = seconds > 0 ? seconds * 1000 : 0
  return { ...verdict, penaltyMs: Math.min(Math.max(leastPenaltyMs, askedMs), longestPenaltyMs) }
}
