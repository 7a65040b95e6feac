import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome, Pass } from '../domain/gate.ts'
import { FirstloginError } from '../errors.ts'
import { readAnswer } from './answers.ts'
import { HttpFailure, type HttpRequest, type HttpResponse, type UpstreamContext } from './upstream.ts'

/** One call of an upstream's API. */
export interface CallRequest<Answer> {
  method: HttpRequest['method']
  /** Below the root. */
  path: string
  body?: object
  /** What a good answer looks like; without it the body is of no interest. */
  answer?: { Check(value: unknown): value is Answer }
  /** Errors that are answers, too: they are thrown as Refusal and not held against the upstream. */
  expected?: readonly string[]
}

/** An answer that says no, by the type that the upstream gives it. */
export class Refusal extends Error {
  readonly type: string

  constructor(type: string) {
    super(`The upstream refused: ${type}.`)
    this.name = 'Refusal'
    this.type = type
  }
}

export interface Calls {
  /**
   * Makes the call whose turn `pass` is; one that may have been unlucky is made once more, in a turn of its own. Throws
   * FL_UPSTREAM_UNAVAILABLE, and Refusal for what the request expects. `deadline` in milliseconds since 1970.
   */
  send<Answer>(request: CallRequest<Answer>, pass: Pass, deadline: number): Promise<Answer>
  /** The same, waiting for its turn first. */
  call<Answer>(request: CallRequest<Answer>, deadlineMs?: number): Promise<Answer>
}

/** What an answer other than 2xx means. */
export interface Verdict {
  /** For the log: a status and a code; never a body, never an address. */
  reason: string
  /** The upstream's own name for it, compared with what a request expects. */
  type?: string | undefined
  mayRetry?: boolean
  /** For how long nobody may call at all. */
  penaltyMs?: number
}

/** How one upstream is called. */
export interface Api {
  /** Log lines are called `<name>.failed`. */
  name: string
  /** An address without a slash at its end. */
  root: string
  /** Beside those for JSON: what proves that we may. */
  headers: () => Record<string, string> | Promise<Record<string, string>>
  judge: (response: HttpResponse) => Verdict
}

class CallFailure extends Error {
  readonly mayRetry: boolean
  readonly penaltyMs: number | undefined

  constructor(reason: string, options: { mayRetry?: boolean; penaltyMs?: number; cause?: unknown } = {}) {
    super(reason, { cause: options.cause })
    this.name = 'CallFailure'
    this.mayRetry = options.mayRetry ?? false
    this.penaltyMs = options.penaltyMs
  }
}

const json = { 'content-type': 'application/json', accept: 'application/json' }

/** Calls within the budget of the context's gate, which hears how they went. */
export function createCalls(api: Api, context: UpstreamContext): Calls {
  const { http, gate, log, clock, slowMs } = context

  async function send<Answer>(request: CallRequest<Answer>, pass: Pass, deadline: number): Promise<Answer> {
    try {
      return await sendOnce(request, pass, deadline)
    } catch (error) {
      if (error instanceof Refusal) throw error
      const pauseMs = 50 + Math.random() * 200
      const mayRetry = error instanceof CallFailure && error.mayRetry && clock() + pauseMs < deadline
      if (!mayRetry) throw toUnavailable(error)
      await sleep(pauseMs)
      const again = await gate.enter(deadline - clock())
      return sendOnce(request, again, deadline).catch((failure: unknown) => {
        throw failure instanceof Refusal ? failure : toUnavailable(failure)
      })
    }
  }

  async function sendOnce<Answer>(
    { method, path, body, answer, expected = [] }: CallRequest<Answer>,
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
        url: `${api.root}${path}`,
        headers: { ...json, ...(await api.headers()) },
        ...(body && { body: JSON.stringify(body) }),
        deadlineMs: deadline - clock(),
      })
      const good = readGoodAnswer(response, answer, expected)
      if (pass.isTroubled) await report('succeeded')
      return good
    } catch (cause) {
      if (cause instanceof Refusal) {
        if (pass.isTroubled) await report('succeeded')
        throw cause
      }
      const failure = toFailure(cause)
      log('warn', `${api.name}.failed`, { reason: failure.message })
      await report(failure.penaltyMs === undefined ? 'failed' : { penaltyMs: failure.penaltyMs })
      throw failure
    } finally {
      clearTimeout(slow)
    }
  }

  function readGoodAnswer<Answer>(
    response: HttpResponse,
    answer: CallRequest<Answer>['answer'],
    expected: readonly string[],
  ): Answer {
    if (response.status < 200 || response.status > 299) {
      const { reason, type, ...rest } = api.judge(response)
      if (type !== undefined && expected.includes(type)) throw new Refusal(type)
      throw new CallFailure(reason, rest)
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Without a check nobody looks at the answer.
    if (!answer) return undefined as Answer
    const good = readAnswer(answer, response.body)
    if (good === undefined) throw new CallFailure('The answer is not of the documented shape.')
    return good
  }

  return {
    send,
    async call(request, deadlineMs = 10_000) {
      const deadline = clock() + deadlineMs
      return send(request, await gate.enter(deadlineMs), deadline)
    },
  }
}

function toFailure(cause: unknown): CallFailure {
  if (cause instanceof CallFailure) return cause
  if (cause instanceof HttpFailure) {
    return new CallFailure(cause.message, { mayRetry: cause.kind === 'network', cause })
  }
  return new CallFailure('The call could not be made.', { cause })
}

function toUnavailable(cause: unknown): FirstloginError {
  if (cause instanceof FirstloginError) return cause
  const penaltyMs = cause instanceof CallFailure ? cause.penaltyMs : undefined
  return new FirstloginError('FL_UPSTREAM_UNAVAILABLE', {
    cause,
    retryAfterS: Math.ceil((penaltyMs ?? 1000) / 1000),
  })
}
