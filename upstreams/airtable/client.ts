import { setTimeout as sleep } from 'node:timers/promises'
import { Compile } from 'typebox/compile'
import type { Outcome, Pass } from '../../domain/gate.ts'
import { FirstloginError } from '../../errors.ts'
import { HttpFailure, type HttpResponse, type UpstreamContext } from '../upstream.ts'
import { type AirtableRecord, RecordPage, readAnswer, readErrorType } from './answers.ts'

export interface ListOptions {
  filterByFormula?: string
  /** Column names or ids; only these are read. */
  fields?: string[]
}

export interface AirtableClient {
  /**
   * All records that match, page by page, within one deadline. `prepare` is called when the turn of the first call
   * has come; without options there is no call and no record. Throws FL_UPSTREAM_UNAVAILABLE.
   */
  listRecords(prepare: (pass: Pass) => ListOptions | undefined): Promise<AirtableRecord[]>
}

export interface AirtableTarget {
  apiUrl: string
  token: string
  baseId: string
  table: string
  /** For one list with all its pages and its one retry. */
  deadlineMs?: number
}

/** Airtable's own rule after a 429: thirty seconds of silence. */
const rateLimitPenaltyMs = 30_000
/** Whatever a proxy in between may say, nobody is shut out for longer. */
const longestPenaltyMs = 3_600_000
/** A used-up month is asked about again now and then, by one call at a time. */
const quotaPenaltyMs = 4_000
const pageSize = 100

const recordPage = Compile(RecordPage)

/** Why a call failed, for the log: never a body, never an address. */
class AirtableFailure extends Error {
  readonly mayRetry: boolean
  readonly penaltyMs: number | undefined

  constructor(reason: string, options: { mayRetry?: boolean; penaltyMs?: number; cause?: unknown } = {}) {
    super(reason, { cause: options.cause })
    this.name = 'AirtableFailure'
    this.mayRetry = options.mayRetry ?? false
    this.penaltyMs = options.penaltyMs
  }
}

export function createAirtableClient(target: AirtableTarget, context: UpstreamContext): AirtableClient {
  const { http, gate, log, clock, slowMs } = context
  const url = `${target.apiUrl.replace(/\/$/, '')}/v0/${target.baseId}/${encodeURIComponent(target.table)}/listRecords`
  const headers = {
    authorization: `Bearer ${target.token}`,
    'content-type': 'application/json',
    accept: 'application/json',
  }
  const deadlineMs = target.deadlineMs ?? 10_000

  async function listRecords(prepare: (pass: Pass) => ListOptions | undefined): Promise<AirtableRecord[]> {
    const deadline = clock() + deadlineMs
    let pass = await gate.enter(deadlineMs)
    const options = prepare(pass)
    if (!options) return []
    const records: AirtableRecord[] = []
    let offset: string | undefined
    for (;;) {
      const page = await readPage({ ...options, offset, pageSize }, pass, deadline)
      records.push(...page.records)
      if (page.offset === undefined) return records
      offset = page.offset
      pass = await gate.enter(deadline - clock())
    }
  }

  /** One page; a call that may have been unlucky is made once more. */
  async function readPage(request: object, pass: Pass, deadline: number): Promise<RecordPage> {
    const body = JSON.stringify(request)
    try {
      return await call(body, pass, deadline)
    } catch (error) {
      const pauseMs = 50 + Math.random() * 200
      const mayRetry = error instanceof AirtableFailure && error.mayRetry && clock() + pauseMs < deadline
      if (!mayRetry) throw toUnavailable(error)
      await sleep(pauseMs)
      const again = await gate.enter(deadline - clock())
      return call(body, again, deadline).catch((failure: unknown) => {
        throw toUnavailable(failure)
      })
    }
  }

  async function call(body: string, pass: Pass, deadline: number): Promise<RecordPage> {
    let isReported = false
    const report = async (outcome: Outcome) => {
      // A slow call was counted already; a penalty is news all the same.
      if (isReported && typeof outcome === 'string') return
      isReported = true
      await gate.report(outcome)
    }
    const slow = setTimeout(() => void report('failed').catch(() => {}), slowMs)
    try {
      const page = readPageAnswer(
        await http({ method: 'POST', url, headers, body, deadlineMs: deadline - clock() }),
      )
      if (pass.isTroubled) await report('succeeded')
      return page
    } catch (cause) {
      const failure = toFailure(cause)
      log('warn', 'airtable.failed', { reason: failure.message })
      await report(failure.penaltyMs === undefined ? 'failed' : { penaltyMs: failure.penaltyMs })
      throw failure
    } finally {
      clearTimeout(slow)
    }
  }

  return { listRecords }
}

function readPageAnswer(response: HttpResponse): RecordPage {
  if (response.status !== 200) throw toRefusal(response)
  const page = readAnswer(recordPage, response.body)
  if (!page) throw new AirtableFailure('The answer is not a page of records.')
  return page
}

function toRefusal({ status, headers, body }: HttpResponse): AirtableFailure {
  const type = readErrorType(body)
  const reason = `${status} ${type ?? 'without an Airtable error'}`
  if (status === 429 && type === 'PUBLIC_API_BILLING_LIMIT_EXCEEDED') {
    return new AirtableFailure(reason, { penaltyMs: quotaPenaltyMs })
  }
  if (status === 429) {
    const seconds = Number(headers['retry-after'])
    return new AirtableFailure(reason, {
      penaltyMs: Math.min(Math.max(rateLimitPenaltyMs, seconds > 0 ? seconds * 1000 : 0), longestPenaltyMs),
    })
  }
  return new AirtableFailure(reason, { mayRetry: status === 502 || status === 503 })
}

function toFailure(cause: unknown): AirtableFailure {
  if (cause instanceof AirtableFailure) return cause
  if (cause instanceof HttpFailure) {
    return new AirtableFailure(cause.message, { mayRetry: cause.kind === 'network', cause })
  }
  return new AirtableFailure('The call could not be made.', { cause })
}

function toUnavailable(cause: unknown): FirstloginError {
  if (cause instanceof FirstloginError) return cause
  const penaltyMs = cause instanceof AirtableFailure ? cause.penaltyMs : undefined
  return new FirstloginError('FL_UPSTREAM_UNAVAILABLE', {
    cause,
    retryAfterS: Math.ceil((penaltyMs ?? 1000) / 1000),
  })
}
