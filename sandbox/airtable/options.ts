import type { Mailbox } from '../mailbox.ts'
import type { Field } from './fields.ts'
import type { SeedRecord } from './table.ts'

export type TableOptions = {
  id: string
  name: string
  fields: readonly Field[]
  records?: readonly SeedRecord[]
}

/** What Airtable's documentation leaves open, or what a test wants otherwise. */
export type Knobs = {
  /** A record id from another table of the base is found all the same. */
  baseWideGet: boolean
  /** How long a listing may rest between two pages. */
  iteratorIdleMs: number
  /** The body of the 404 for a missing record: the recorded one, or the bare string. */
  missingRecord: 'typed' | 'bare'
  /** What Last Modified shows on a record that nobody has edited. */
  neverEdited: 'created' | 'absent'
  /** Airtable shows times in whole seconds. */
  timePrecisionMs: number
  urlLimit: number
  urlLimitStatus: 414 | 422
  /** Seconds for a Retry-After header on 429; Airtable documents none. */
  retryAfterS: number | undefined
  quotaEnvelope: 'plural' | 'singular'
  perUserPerSecond: number
  dripMs: number
  oversizeBytes: number
  /** An action that touches more records comes as several payloads. */
  recordsPerPayload: number
  /** How long news is gathered before the one ping for all of it; 0: every payload has its own. */
  pingDelayMs: number
  /** How often each ping is sent, as Airtable promises no more than at least once. */
  pingCopies: number
  /** A new webhook is pinged before there is any news. */
  pingOnCreate: boolean
  pingTimeoutMs: number
  /** The pause before the first retry; every further one is twice as long. */
  pingRetryPauseMs: number
}

export type AirtableStandInOptions = Partial<Knobs> & {
  token: string
  /** Tokens that Airtable knows, but that have no access to the base. */
  otherTokens?: readonly string[]
  baseId?: string
  tableId?: string
  tableName?: string
  fields?: readonly Field[]
  records?: readonly SeedRecord[]
  otherTables?: readonly TableOptions[]
  views?: readonly string[]
  /** Milliseconds since the epoch. */
  clock?: () => number
  /** False: no limit, and no penalty after the fault `rate_limit` either. */
  rateLimit?: { perSecond: number; penaltyMs: number } | false
  mailbox?: Mailbox
}

export function knobsOf(options: AirtableStandInOptions): Knobs {
  return {
    baseWideGet: options.baseWideGet ?? true,
    iteratorIdleMs: options.iteratorIdleMs ?? 5 * 60_000,
    missingRecord: options.missingRecord ?? 'typed',
    neverEdited: options.neverEdited ?? 'created',
    timePrecisionMs: options.timePrecisionMs ?? 1000,
    urlLimit: options.urlLimit ?? 16_000,
    urlLimitStatus: options.urlLimitStatus ?? 414,
    retryAfterS: options.retryAfterS,
    quotaEnvelope: options.quotaEnvelope ?? 'plural',
    perUserPerSecond: options.perUserPerSecond ?? 50,
    dripMs: options.dripMs ?? 1000,
    oversizeBytes: options.oversizeBytes ?? 50 * 1024 * 1024,
    recordsPerPayload: options.recordsPerPayload ?? Number.POSITIVE_INFINITY,
    pingDelayMs: options.pingDelayMs ?? 20,
    pingCopies: options.pingCopies ?? 1,
    pingOnCreate: options.pingOnCreate ?? true,
    pingTimeoutMs: options.pingTimeoutMs ?? 25_000,
    pingRetryPauseMs: options.pingRetryPauseMs ?? 10_000,
  }
}
