import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome, Pass } from '../../domain/gate.ts'
import { FirstloginError } from '../../errors.ts'
import { HttpFailure, type HttpRequest, type HttpResponse, type UpstreamContext } from '../upstream.ts'
import { readAnswer, readErrorType } from './answers.ts'

/** One call of the API. */
export interface AirtableRequest<Answer> {
  method: HttpRequest['method']
  /** Below /v0. */
  path: string
  body?: object
  /** What a good answer looks like; without it the body is of no interest. */
  answer?: { Check(value: unknown): value is Answer }
  /** Errors that are answers, too: they are thrown as AirtableRefusal and not held against Airtable. */
  expected?: readonly string[]
}

/** An answer that says no, by the type that Airtable gives it. */
export class AirtableRefusal extends Error {
  readonly type: string

  constructor(type: string) {
    super(`Airtable refused: ${type}.`)
    this.name = 'AirtableRefusal'
    this.type = type
  }
}

export interface AirtableCalls {
  /**
   * Makes the call whose turn `pass` is; one that may have been unlucky is made once more, in a turn of its own. Throws
   * FL_UPSTREAM_UNAVAILABLE, and AirtableRefusal for what the request expects.
   */
  send<Answer>(request: AirtableRequest<Answer>, pass: Pass, deadline: number): Promise<Answer>
  /** The same, waiting for its turn first. */
  call<Answer>(request: AirtableRequest<Answer>, deadlineMs?: number): Promise<Answer>
}

export interface AirtableAccess {
  apiUrl: string
  token: string
}

/** Airtable's own rule after a 429: thirty seconds of silence. */
const rateLimitPenaltyMs = 30_000
/** Whatever a proxy in between may say, nobody is shut out for longer. */
const longestPenaltyMs = 3_600_000
/** A used-up month is asked about again now and then, by one call at a time. */
const quotaPenaltyMs = 4_000

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

export function createAirtableCalls(access: AirtableAccess, context: UpstreamContext): AirtableCalls {
  const { http, gate, log, clock, slowMs } = context
  const root = `${access.apiUrl.replace(/\/$/, '')}/v0`
  const headers = {
    authorization: `Bearer ${access.token}`,
    'content-type': 'application/json',
    accept: 'application/json',
  }

  async function send<Answer>(
    request: AirtableRequest<Answer>,
    pass: Pass,
    deadline: number,
  ): Promise<Answer> {
    try {
      return await sendOnce(request, pass, deadline)
    } catch (error) {
      if (error instanceof AirtableRefusal) throw error
      const pauseMs = 50 + Math.random() * 200
      const mayRetry = error instanceof AirtableFailure && error.mayRetry && clock() + pauseMs < deadline
      if (!mayRetry) throw toUnavailable(error)
      await sleep(pauseMs)
      const again = await gate.enter(deadline - clock())
      return sendOnce(request, again, deadline).catch((failure: unknown) => {
        throw failure instanceof AirtableRefusal ? failure : toUnavailable(failure)
      })
    }
  }

  async function sendOnce<Answer>(
    { method, path, body, answer, expected = [] }: AirtableRequest<Answer>,
    pass: Pass,
    deadline: number,
  ): Promise<Answer> {
    let isReported = false
    const report = async (outcome: Outcome) => {
      // A slow call was counted already; a penalty is news all the same.
      if (isReported && typeof outcome === 'string') return
      isReported = true
      await gate.report(outcome)
    }
    const slow = setTimeout(() => void report('failed').catch(() => {}), slowMs)
    try {
      const response = await http({
        method,
        url: `${root}${path}`,
        headers,
        ...(body && { body: JSON.stringify(body) }),
        deadlineMs: deadline - clock(),
      })
      const good = readGoodAnswer(response, answer, expected)
      if (pass.isTroubled) await report('succeeded')
      return good
    } catch (cause) {
      if (cause instanceof AirtableRefusal) {
        if (pass.isTroubled) await report('succeeded')
        throw cause
      }
      const failure = toFailure(cause)
      log('warn', 'airtable.failed', { reason: failure.message })
      await report(failure.penaltyMs === undefined ? 'failed' : { penaltyMs: failure.penaltyMs })
      throw failure
    } finally {
      clearTimeout(slow)
    }
  }

  return {
    send,
    async call(request, deadlineMs = 10_000) {
      const deadline = clock() + deadlineMs
      return send(request, await gate.enter(deadlineMs), deadline)
    },
  }
}

function readGoodAnswer<Answer>(
  response: HttpResponse,
  answer: AirtableRequest<Answer>['answer'],
  expected: readonly string[],
): Answer {
  if (response.status !== 200 && response.status !== 204) {
    const type = readErrorType(response.body)
    if (type && expected.includes(type)) throw new AirtableRefusal(type)
    throw toRefusal(response, type)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Without a check nobody looks at the answer.
  if (!answer) return undefined as Answer
  const good = readAnswer(answer, response.body)
  if (good === undefined) throw new AirtableFailure('The answer is not of the documented shape.')
  return good
}

function toRefusal({ status, headers }: HttpResponse, type: string | undefined): AirtableFailure {
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
