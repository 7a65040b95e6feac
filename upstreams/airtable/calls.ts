import { type Calls, createCalls, type Verdict } from '../calls.ts'
import type { HttpResponse, UpstreamContext } from '../upstream.ts'
import { readErrorType, readUnknownColumns } from './answers.ts'

/**
 * Airtable allows five calls in any second for everybody who uses the base; one is left to the others. Calls reach it
 * earlier or later than they start, by up to the quarter second that this window is longer.
 */
export const airtableLimits = { calls: 4, windowMs: 1250, pauseMs: 1000 }

export interface AirtableAccess {
  apiUrl: string
  token: string
  /** The columns that requests name: one that the table does not have is named in the log. */
  columns?: string[]
}

/** Airtable's own rule after a 429: thirty seconds of silence. */
const rateLimitPenaltyMs = 30_000
/** Whatever a proxy in between may say, nobody is shut out for longer. */
const longestPenaltyMs = 3_600_000
/** A used-up month is asked about again now and then, by one call at a time. */
const quotaPenaltyMs = 4_000

/** Paths are below /v0; refusals have Airtable's types, such as `NOT_FOUND`. */
export function createAirtableCalls(access: AirtableAccess, context: UpstreamContext): Calls {
  const { apiUrl, token, columns = [] } = access
  const headers = { authorization: `Bearer ${token}` }
  const root = `${apiUrl.replace(/\/$/, '')}/v0`
  const judgeAnswer = (response: HttpResponse) => judge(response, columns)
  return createCalls({ name: 'airtable', root, headers: () => headers, judge: judgeAnswer }, context)
}

function judge({ status, headers, body }: HttpResponse, columns: string[]): Verdict {
  const type = readErrorType(body)
  const missing = status === 422 ? readUnknownColumns(body, columns) : []
  const named = missing.map((column) => JSON.stringify(column)).join(', ')
  const verdict = {
    type,
    reason: `${status} ${type ?? 'without an Airtable error'}${named && `: the table has no column ${named}`}`,
  }
  if (status === 429 && type === 'PUBLIC_API_BILLING_LIMIT_EXCEEDED')
    return { ...verdict, penaltyMs: quotaPenaltyMs }
  if (status === 429) {
    const seconds = Number(headers['retry-after'])
    const askedMs = seconds > 0 ? seconds * 1000 : 0
    return { ...verdict, penaltyMs: Math.min(Math.max(rateLimitPenaltyMs, askedMs), longestPenaltyMs) }
  }
  return { ...verdict, mayRetry: status === 502 || status === 503 }
}
