import type { Clock } from '../../domain/clock.ts'

/** Real time, but whatever is to happen later happens at once: failed logins are answered without their delay. */
export const hastyClock: Clock = {
  now: () => performance.now(),
  after(_ms, run) {
    const timer = setImmediate(run)
    return () => clearImmediate(timer)
  },
}

export interface TestClock extends Clock {
  /** The moments at which something is due, earliest first. */
  due(): number[]
  /** Moves to a moment; what is due until then happens in order, each at its own time. */
  moveTo(moment: number): void
}

/** A clock that stands still until the test moves it. */
export function createTestClock(): TestClock {
  let now = 1_000_000
  let timers: { at: number; run: () => void }[] = []
  const sort = () => timers.sort((a, b) => a.at - b.at)
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + Math.max(0, ms), run }
      timers.push(timer)
      sort()
      return () => void (timers = timers.filter((one) => one !== timer))
    },
    due: () => timers.map(({ at }) => at),
    moveTo(moment) {
      for (let next = timers[0]; next && next.at <= moment; next = timers[0]) {
        timers.shift()
        now = Math.max(now, next.at)
        next.run()
      }
      now = Math.max(now, moment)
    },
  }
}
