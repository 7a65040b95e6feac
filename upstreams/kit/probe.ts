import type { Gate, Outcome } from '../../domain/gate.ts'
import { FirstloginError } from '../../errors.ts'
import type { Capabilities, Http, HttpRequest, UpstreamContext } from '../upstream.ts'
import { BrokenPromise } from './check.ts'
import type { Subject } from './subject.ts'

/** What a check may want to be different from a good day. */
export interface ProbeOptions {
  /** In place of the upstream's answers; `ask` makes the call. */
  answer?: (request: HttpRequest, ask: Http, probe: Pick<Probe, 'advance'>) => ReturnType<Http>
  now?: number
  slowMs?: number
  isGateClosed?: true
  settings?: Readonly<Record<string, unknown>>
}

/** A new adapter, and all that it did to what it was handed. */
export interface Probe {
  capabilities: Capabilities
  /** Every call, those that only open the API included. */
  calls: HttpRequest[]
  /** How long somebody was ready to wait for each turn. */
  turns: number[]
  reports: Outcome[]
  lines: unknown[]
  now(): number
  /** Lets time pass for the adapter alone. */
  advance(ms: number): void
}

/** A call that is not answered is not waited for. */
const patienceMs = 2000

export function createProbe(subject: Subject, options: ProbeOptions = {}): Probe {
  const { answer = (request: HttpRequest, ask: Http) => ask(request), slowMs = 60_000 } = options
  let now = options.now ?? subject.clock?.() ?? Date.now()
  const seen: Pick<Probe, 'calls' | 'turns' | 'reports' | 'lines'> = {
    calls: [],
    turns: [],
    reports: [],
    lines: [],
  }
  const advance = (ms: number) => void (now += ms)

  const ask: Http = (request) =>
    subject.http({ ...request, deadlineMs: Math.min(request.deadlineMs, patienceMs) })
  const gate: Gate = {
    async enter(maxWaitMs) {
      if (options.isGateClosed || !(maxWaitMs >= 0)) throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE')
      seen.turns.push(maxWaitMs)
      return { waitMs: 0, startAt: now, isTroubled: true, isProbe: false }
    },
    returnPermit: async () => {},
    async report(outcome) {
      seen.reports.push(outcome)
    },
  }
  const context: UpstreamContext = {
    async http(request) {
      seen.calls.push(request)
      return answer(request, ask, { advance })
    },
    gate,
    log: (...line) => void seen.lines.push(line),
    clock: () => now,
    slowMs,
  }
  const capabilities = subject.definition.create(options.settings ?? subject.settings, context)
  return { ...seen, capabilities, now: () => now, advance }
}

/** A capability of a new adapter, beside what it does. */
export function probe<Name extends keyof Capabilities>(
  subject: Subject,
  name: Name,
  options: ProbeOptions = {},
): Probe & { it: NonNullable<Capabilities[Name]> } {
  const made = createProbe(subject, options)
  const it = made.capabilities[name]
  if (!it)
    throw new BrokenPromise(`With the same settings there was a ${name} before, and now there is none.`)
  return { ...made, it }
}

/** What the subject has to say of itself, or the check cannot be made. */
export function given<T>(value: T | undefined, sentence: string): T {
  if (value === undefined) throw new BrokenPromise(`The subject lacks something: ${sentence}`)
  return value
}

export function isReportedAsTrouble(reports: readonly Outcome[]): boolean {
  return reports.some((outcome) => outcome === 'failed' || typeof outcome === 'object')
}
