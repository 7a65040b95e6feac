import { FirstloginError } from '../errors.ts'

/** The call budget and circuit breaker of one upstream. Times are milliseconds since 1970 by one shared clock. */
export interface GateState {
  /** When the calls of the last window started, and when those start that wait for their turn; in order. */
  starts: readonly number[]
  /** Calls that failed one after the other. */
  failures: number
  /** Nobody calls before this moment; the first one after it is a probe. */
  closedUntil: number
  /** Like closedUntil, but asked for by the upstream itself: no success of another call shortens it. */
  penaltyUntil: number
}

/** In no window of this length do more than so many calls start; in one that is empty they may all start at once. */
export interface GateLimits {
  calls: number
  windowMs: number
  /** How long the gate stays closed after failures, before a probe is let through. */
  pauseMs: number
}

/** A call's permit: when to start it, and whether it is the one probe of a closed gate. */
export interface Pass {
  waitMs: number
  /** By the gate's clock: what names the permit when it is given back. */
  startAt: number
  /** Calls before this one failed: its success is worth reporting. */
  isTroubled: boolean
  isProbe: boolean
}

export interface Refusal {
  retryAfterMs: number
}

export type Outcome = 'succeeded' | 'failed' | { penaltyMs: number }

/** What an upstream's client sees of the gate. */
export interface Gate {
  /** Resolves when a call may start; throws FL_UPSTREAM_UNAVAILABLE when closed or when the turn is too far away. */
  enter(maxWaitMs: number): Promise<Pass>
  report(outcome: Outcome): Promise<void>
  /** No call was made: another one may start in its place, and those who wait for a turn in this process move up. */
  returnPermit(pass: Pass): Promise<void>
}

export const openGate: GateState = { starts: [], failures: 0, closedUntil: 0, penaltyUntil: 0 }

const failuresToClose = 3

/** Takes the next turn, or refuses without taking one. */
export function enterGate(
  state: GateState,
  now: number,
  maxWaitMs: number,
  limits: GateLimits,
): { state: GateState; verdict: Pass | Refusal } {
  const closedUntil = Math.max(state.closedUntil, state.penaltyUntil)
  if (now < closedUntil) return { state, verdict: { retryAfterMs: closedUntil - now } }
  // One start of the last `calls` has to be a window ago; those after it are fewer than the window has.
  const starts = state.starts.filter((at) => at > now - limits.windowMs)
  const start = Math.max(now, (starts.at(-limits.calls) ?? -Infinity) + limits.windowMs)
  if (start - now > maxWaitMs) return { state, verdict: { retryAfterMs: start - now } }
  const isProbe = state.failures >= failuresToClose
  return {
    state: {
      ...state,
      starts: [...starts, start].toSorted((a, b) => a - b),
      closedUntil: isProbe ? start + limits.pauseMs : state.closedUntil,
    },
    verdict: { waitMs: start - now, startAt: start, isTroubled: state.failures > 0, isProbe },
  }
}

/** The call that a permit was for is not made. A probe's permit is not given back: the gate stays closed behind it. */
export function returnPermit(state: GateState, { startAt, isProbe }: Pass): GateState {
  const index = isProbe ? -1 : state.starts.indexOf(startAt)
  return index < 0 ? state : { ...state, starts: state.starts.toSpliced(index, 1) }
}

export function settleGate(state: GateState, now: number, outcome: Outcome, limits: GateLimits): GateState {
  if (outcome === 'succeeded') return { ...state, failures: 0, closedUntil: 0 }
  if (outcome === 'failed') {
    const failures = state.failures + 1
    // A probe that still waits for its turn has closed the gate for longer.
    const closedUntil = Math.max(state.closedUntil, now + limits.pauseMs)
    return { ...state, failures, closedUntil: failures >= failuresToClose ? closedUntil : state.closedUntil }
  }
  const penaltyUntil = Math.max(state.penaltyUntil, now + outcome.penaltyMs)
  return { ...state, failures: Math.max(state.failures, failuresToClose), penaltyUntil }
}

/** The pass that a verdict grants, or a throw of what it refuses. */
export function getPass(verdict: Pass | Refusal): Pass {
  if ('retryAfterMs' in verdict) refuse(verdict)
  return verdict
}

export function refuse({ retryAfterMs }: Refusal): never {
  const retryAfterS = Math.max(1, Math.ceil(retryAfterMs / 1000))
  throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE', { retryAfterS })
}

/** What a gate runs its rules on. */
export interface GateStore {
  /** Runs a rule on the state, by the clock of the store. */
  change(rule: (state: GateState, now: number) => GateState): Promise<void>
}

export function createGate(store: GateStore, limits: GateLimits): Gate {
  const waiting = new Set<() => void>()
  let returns = 0

  /** Resolves when the turn has come, or earlier when a permit was given back here: not to a probe, which keeps its turn. */
  async function waitForTurn({ waitMs, isProbe }: Pass): Promise<'turn' | 'returned'> {
    return new Promise((resolve) => {
      const wake = () => leave('returned')
      const timer = setTimeout(() => leave('turn'), waitMs)
      if (!isProbe) waiting.add(wake)
      function leave(why: 'turn' | 'returned') {
        clearTimeout(timer)
        waiting.delete(wake)
        resolve(why)
      }
    })
  }

  async function take(maxWaitMs: number, instead: Pass | undefined): Promise<Pass> {
    let verdict: Pass | Refusal = { retryAfterMs: maxWaitMs }
    await store.change((state, now) => {
      const entered = enterGate(instead ? returnPermit(state, instead) : state, now, maxWaitMs, limits)
      verdict = entered.verdict
      // Who is refused now keeps nothing of the turn that was given up.
      return entered.state
    })
    return getPass(verdict)
  }

  return {
    async enter(maxWaitMs) {
      const askedAt = performance.now()
      let seen = returns
      let pass = await take(maxWaitMs, undefined)
      if (pass.waitMs <= 0) return pass
      // A permit may have been given back before this call began to wait.
      while (pass.waitMs > 0) {
        const isMissed = returns !== seen && !pass.isProbe
        if (!isMissed && (await waitForTurn(pass)) === 'turn') break
        seen = returns
        pass = await take(Math.max(pass.waitMs, maxWaitMs - (performance.now() - askedAt)), pass)
      }
      // Another call may have been told to stop while this one waited.
      await store.change(refuseInPenalty)
      return pass
    },
    report: (outcome) => store.change((state, now) => settleGate(state, now, outcome, limits)),
    async returnPermit(pass) {
      await store.change((state) => returnPermit(state, pass))
      returns += 1
      for (const wake of Array.from(waiting)) wake()
    },
  }
}

function refuseInPenalty(state: GateState, now: number): GateState {
  if (now < state.penaltyUntil) refuse({ retryAfterMs: state.penaltyUntil - now })
  return state
}

/** A gate for one process on its own. Instances that share an upstream share the one in db/upstream-gates.ts. */
export function createMemoryGate(limits: GateLimits, clock: () => number = Date.now): Gate {
  let state = openGate
  const change: GateStore['change'] = async (rule) => void (state = rule(state, clock()))
  return createGate({ change }, limits)
}
