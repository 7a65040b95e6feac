import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { readAnswer } from '../answers.ts'
import { type Calls, createCalls, type Verdict } from '../calls.ts'
import type { HttpResponse, UpstreamContext } from '../upstream.ts'
import type { ClerkEnv } from './env.ts'

/** The shapes that we know are those of this version. */
const apiVersion = '2026-05-12'
/** Clerk counts in windows of ten seconds. */
const usualPenaltyMs = 10_000
/** Whatever a proxy in between may say, nobody is shut out for longer. */
const longestPenaltyMs = 3_600_000

const errorAnswer = Compile(
  Type.Object({ errors: Type.Array(Type.Object({ code: Type.String() }), { minItems: 1 }) }),
)

/** Paths are below /v1; refusals have Clerk's codes, such as `resource_not_found`. */
export function createClerkCalls(env: ClerkEnv, context: UpstreamContext): Calls {
  const headers = { authorization: `Bearer ${env.CLERK_SECRET_KEY}`, 'clerk-api-version': apiVersion }
  const root = `${env.CLERK_API_URL.replace(/\/$/, '')}/v1`
  return createCalls({ name: 'clerk', root, headers: () => headers, judge }, context)
}

function judge({ status, headers, body }: HttpResponse): Verdict {
  const code = readAnswer(errorAnswer, body)?.errors[0]?.code
  // It goes into the log: whatever else stands in its place stays out.
  const type = code !== undefined && /^[a-z_]{1,64}$/.test(code) ? code : undefined
  const verdict = { type, reason: `${status} ${type ?? "without an error of Clerk's"}` }
  if (status === 429) {
    const seconds = Number(headers['retry-after'])
    const penaltyMs = seconds > 0 ? seconds * 1000 : usualPenaltyMs
    return { ...verdict, penaltyMs: Math.min(penaltyMs, longestPenaltyMs) }
  }
  return { ...verdict, mayRetry: status === 502 || status === 503 }
}
