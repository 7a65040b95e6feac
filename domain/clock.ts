/** Time as it passes, in milliseconds from any origin. Tests hand in one that they move. */
export interface Clock {
  now(): number
  /** Runs something later; the answer takes it back. */
  after(ms: number, run: () => void): () => void
}

export const monotonicClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}
