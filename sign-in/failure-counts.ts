export interface FailureCounts {
  /** An attempt of the network has failed. */
  add(network: string): void
  /** An attempt of the network has succeeded. */
  succeed(network: string): void
  /** True for a network with many failures lately. */
  isNoisy(network: string): boolean
  /**
   * True for a network that has had no success lately, and a few attempts that have failed or still wait: `waiting` of them do.
   * Too little to call it noisy, except under load.
   */
  isSuspect(network: string, waiting: number): boolean
}

export interface FailureCountsOptions {
  /** From this count on a network is noisy. Default 20. */
  limit?: number
  /** From this count on a network without a success is suspect. Default 2. */
  suspectLimit?: number
  /** After this time a count is half of what it was, and a success is forgotten. Default 60 s. */
  halfLifeMs?: number
  /** Networks that are remembered; the one whose last attempt is the oldest is forgotten first. Default 20,000. */
  maxNetworks?: number
  /** Milliseconds, never going back. */
  clock?: () => number
}

interface Counted {
  /** Failures, as of `at`. */
  count: number
  at: number
  succeededAt: number
}

/** Failed logins of each client network, in memory, fading with time. */
export function createFailureCounts(options: FailureCountsOptions = {}): FailureCounts {
  const { limit = 20, suspectLimit = 2, halfLifeMs = 60_000, maxNetworks = 20_000 } = options
  const clock = options.clock ?? (() => performance.now())
  // In the order of their last attempt.
  const networks = new Map<string, Counted>()

  function read(network: string): Counted {
    const { count, at, succeededAt } = networks.get(network) ?? { count: 0, at: 0, succeededAt: -Infinity }
    return { count: count * 0.5 ** ((clock() - at) / halfLifeMs), at: clock(), succeededAt }
  }

  function write(network: string, counted: Counted): void {
    networks.delete(network)
    networks.set(network, counted)
    const [oldest] = networks.keys()
    if (networks.size > maxNetworks && oldest !== undefined) networks.delete(oldest)
  }

  return {
    add(network) {
      const counted = read(network)
      write(network, { ...counted, count: counted.count + 1 })
    },
    succeed: (network) => write(network, { ...read(network), succeededAt: clock() }),
    isNoisy: (network) => read(network).count >= limit,
    isSuspect(network, waiting) {
      const { count, succeededAt } = read(network)
      return count + waiting >= suspectLimit && clock() - succeededAt > halfLifeMs
    },
  }
}
