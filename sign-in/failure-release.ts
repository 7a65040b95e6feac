import { type Clock, monotonicClock } from '../domain/clock.ts'

export interface FailureReleaseOptions {
  /** How long one of our own hashes takes at present, in milliseconds. */
  unitMs: () => number
  clock?: Clock
  random?: () => number
}

/** `forms`: how many hashes are computed of one password. */
export type FailureRelease = (
  anchor: number,
  attempt: { isHeldBack: boolean; forms: number },
) => Promise<void>

/** The costliest hash that is accepted takes as long as 20 of our own, and longer on a busy machine; what was found is written, too. */
export const budgetUnits = 32
/** Of networks that are held back: a costly hash keeps the next one of theirs waiting for twice its time. */
const heldBackUnits = 64
const minBudgetMs = 250
const maxBudgetMs = 3000
const jitterMs = 100

/**
 * Holds the answer to a failed login until a moment that does not depend on the account: a budget after the anchor, and
 * up to 100 ms at random. The anchor, by the clock, is when the upstream's part was over. What the account and its hash
 * cost fits into the budget; where it does not, because the machine is busy, the answer waits for the end of the next one.
 */
export function createFailureRelease(options: FailureReleaseOptions): FailureRelease {
  const { unitMs, clock = monotonicClock, random = Math.random } = options
  return async function release(anchor, { isHeldBack, forms }) {
    const units = forms * (isHeldBack ? heldBackUnits : budgetUnits)
    const budgetMs = Math.min(forms * maxBudgetMs, Math.max(minBudgetMs, units * unitMs()))
    const budgets = Math.max(1, Math.ceil((clock.now() - anchor) / budgetMs))
    const releaseAt = anchor + budgets * budgetMs + random() * jitterMs
    await new Promise<void>((resolve) => void clock.after(releaseAt - clock.now(), resolve))
  }
}
