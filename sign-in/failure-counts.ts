export interface FailureCounts {
  add(network: string): void
  /** True for a network with many failures lately. */
  isNoisy(network: string): boolean
}

export interface FailureCountsOptions {
  /** From this count on a network is noisy. Default 20. */
  limit?: number
  /** After this time a count is half of what it was. Default 60 s. */
  halfLifeMs?: number
  /** Networks that are remembered; the one whose last failure is the oldest is forgotten first. Default 20,000. */
  maxNetworks?: number
  /** Milliseconds, never going back. */
  clock?: () => number
}

/** Failed logins of each client network, in memory, fading with time. */
export function createFailureCounts(options: FailureCountsOptions = {}): FailureCounts {
  const { limit = 20, halfLifeMs = 60_000, maxNetworks = 20_000 } = options
  const clock = options.clock ?? (() => performance.now())
  // In the order of their last failure.
  const counts = new Map<string, { count: number; at: number }>()

  function read(network: string): number {
    const found = counts.get(network)
    return found ? found.count * 0.5 ** ((clock() - found.at) / halfLifeMs) : 0
  }

  return {
    add(network) {
      const count = read(network) + 1
      counts.delete(network)
      counts.set(network, { count, at: clock() })
      const [oldest] = counts.keys()
      if (counts.size > maxNetworks && oldest !== undefined) counts.delete(oldest)
    },
    isNoisy: (network) => read(network) >= limit,
  }
}
