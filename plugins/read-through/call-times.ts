/** How long the last calls took: what a simulated call is modelled on. Times are milliseconds of one clock. */
export interface CallTimes {
  note(startedAt: number, tookMs: number): void
  /** How long a call that starts now may take; undefined when no call was made lately. */
  pick(now: number): number | undefined
}

interface Sample {
  startedAt: number
  tookMs: number
  /** No connection was open. */
  isCold: boolean
}

const maxSamples = 32
/** The way to the upstream may be another one by then. */
const maxAgeMs = 600_000
/** The HTTP client closes a connection that was not used for so long. */
const keepAliveMs = 4000

export function createCallTimes(random: () => number = Math.random): CallTimes {
  const samples: Sample[] = []
  let lastUsedAt = -Infinity
  const isColdAt = (now: number) => now - lastUsedAt > keepAliveMs

  return {
    note(startedAt, tookMs) {
      samples.push({ startedAt, tookMs, isCold: isColdAt(startedAt) })
      if (samples.length > maxSamples) samples.shift()
      lastUsedAt = startedAt + tookMs
    },
    pick(now) {
      const fresh = samples.filter(({ startedAt }) => startedAt > now - maxAgeMs)
      const isCold = isColdAt(now)
      const alike = fresh.filter((sample) => sample.isCold === isCold)
      const from = alike.length > 0 ? alike : fresh
      return from[Math.floor(random() * from.length)]?.tookMs
    },
  }
}
