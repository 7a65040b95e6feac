import { FirstloginError } from '../errors.ts'

/** The call budget and circuit breaker of one upstream. Times are milliseconds since 1970 by one shared clock. */
export interface GateState {
  /** The earliest moment at which the next call may start: calls are spaced, never bunched. */
  nextCallAt: number
  /** Calls that failed one after the other. */
  failures: number
  /** Nobody calls before this moment; the first one after it is a probe. */
  closedUntil: number
  /** Like closedUntil, but asked for by the upstream itself: no success of another call shortens it. */
  penaltyUntil: number
}

export interface GateLimits {
  callsPerSecond: number
  /** How long the gate stays closed after failures, before a probe is let through. */
  pauseMs: number
}

/** A call's permission: when to start it, and whether it is the one probe of a closed gate. */
export interface Pass {
  waitMs: number
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
}

export const openGate: GateState = { nextCallAt: 0, failures: 0, closedUntil: 0, penaltyUntil: 0 }

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
  const start = Math.max(now, state.nextCallAt)
  if (start - now > maxWaitMs) return { state, verdict: { retryAfterMs: start - now } }
  const isProbe = state.failures >= failuresToClose
  return {
    state: {
      ...state,
      nextCallAt: start + 1000 / limits.callsPerSecond,
      closedUntil: isProbe ? start + limits.pauseMs : state.closedUntil,
    },
    verdict: { waitMs: start - now, isTroubled: state.failures > 0, isProbe },
  }
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

/** Waits for the turn that a verdict grants, or throws what it refuses. */
export async function takeTurn(verdict: Pass | Refusal): Promise<Pass> {
  if ('retryAfterMs' in verdict) refuse(verdict)
  if (verdict.waitMs > 0) await new Promise((resolve) => setTimeout(resolve, verdict.waitMs))
  return verdict
}

export function refuse({ retryAfterMs }: Refusal): never {
  const retryAfterS = Math.max(1, Math.ceil(retryAfterMs / 1000))
  throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE', { retryAfterS })
}

/** A gate for one process on its own. Instances that share an upstream share the one in db/upstream-gates.ts. */
export function createMemoryGate(limits: GateLimits, clock: () => number = Date.now): Gate {
  let state = openGate
  return {
    async enter(maxWaitMs) {
      const entered = enterGate(state, clock(), maxWaitMs, limits)
      state = entered.state
      return takeTurn(entered.verdict)
    },
    async report(outcome) {
      state = settleGate(state, clock(), outcome, limits)
    },
  }
}
