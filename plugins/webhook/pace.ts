export interface PaceOptions {
  /** Refusals a second of one network, and how many may come at once before that. */
  perNetwork: { rate: number; burst: number }
  /** The same of all networks together. */
  overall: { rate: number; burst: number }
  /** Nobody waits longer. */
  maxWaitMs: number
  /** Milliseconds, of no date. */
  clock: () => number
}

/** How long one more refusal of this network should wait, in milliseconds. */
export type Pace = (network: string) => number

/**
 * Spaces refusals, so that senders who try again as soon as they are refused keep nobody else waiting: who is refused
 * often is answered later. Each counter is the time at which it will be empty (GCRA, as rate limiters of networks have it).
 */
export function createPace({ perNetwork, overall, maxWaitMs, clock }: PaceOptions): Pace {
  const emptyAt = new Map<string, number>()
  let allEmptyAt = 0
  let nextPrune = 1000

  function prune(): void {
    const now = clock()
    for (const [network, at] of emptyAt) if (at <= now) emptyAt.delete(network)
    nextPrune = Math.max(1000, emptyAt.size * 2)
  }

  return function pace(network) {
    const now = clock()
    if (emptyAt.size >= nextPrune) prune()
    const own = take(emptyAt.get(network) ?? 0, now, perNetwork)
    const all = take(allEmptyAt, now, overall)
    emptyAt.set(network, own.emptyAt)
    allEmptyAt = all.emptyAt
    return Math.max(own.waitMs, all.waitMs)
  }

  function take(before: number, now: number, { rate, burst }: { rate: number; burst: number }) {
    const spaceMs = 1000 / rate
    const latest = now + (burst - 1) * spaceMs + maxWaitMs
    const waitMs = Math.max(0, Math.min(maxWaitMs, before - now - (burst - 1) * spaceMs))
    return { waitMs, emptyAt: Math.min(latest, Math.max(before, now) + spaceMs) }
  }
}
