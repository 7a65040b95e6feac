export type RateLimit = {
  /** False when the call is one too many, or comes during the penalty. */
  take(): boolean
  /** Starts the penalty, unless one is running. */
  penalize(): void
  forgive(): void
}

/** So many calls in any sliding second; one more, and all calls are refused until the penalty is over. */
export function createRateLimit(options: {
  perSecond: number
  penaltyMs: number
  clock: () => number
}): RateLimit {
  let taken: number[] = []
  let blockedUntil = Number.NEGATIVE_INFINITY

  function penalize(): void {
    const now = options.clock()
    if (now >= blockedUntil) blockedUntil = now + options.penaltyMs
  }

  return {
    take() {
      const now = options.clock()
      if (now < blockedUntil) return false
      taken = taken.filter((at) => at > now - 1000)
      if (taken.length < options.perSecond) {
        taken.push(now)
        return true
      }
      penalize()
      return false
    },
    penalize,
    forgive() {
      taken = []
      blockedUntil = Number.NEGATIVE_INFINITY
    },
  }
}

export const noRateLimit: RateLimit = { take: () => true, penalize() {}, forgive() {} }
