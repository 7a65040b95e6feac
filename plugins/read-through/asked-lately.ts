import { LRUCache } from 'lru-cache'
import type { CanonicalEmail } from '../../domain/email.ts'

/**
 * The addresses that were looked up within the last `ttlMs`. What decides about time only expires by time and does not
 * depend on whether an account exists; what decides about asking ends with every change of the address.
 */
export interface AskedLately {
  /** A login from this network has waited for the look-up of the address: the next one does not wait again. */
  isQuick(email: CanonicalEmail, network: string): boolean
  /** The upstreams have said all that they know of the address. */
  isAsked(email: CanonicalEmail): boolean
  /** A look-up begins: `end` it once when the upstreams have answered, else `drop` it. */
  begin(email: CanonicalEmail): Asking
  /** A user of the address has changed, not by a look-up: what the upstreams said may be outdated. */
  forget(email: string): void
  /** Changes may have been missed. */
  clear(): void
}

export interface Asking {
  /** `network`: of a login that has waited. */
  end(how: { wasAsked: boolean; network?: string }): void
  drop(): void
}

interface Memory {
  isAsked: boolean
  networks: Set<string>
}

const maxAddresses = 50_000
/** A login from one more network waits every time. */
const maxNetworks = 100

export function createAskedLately(ttlMs: number): AskedLately {
  const memories = new LRUCache<string, Memory>({ max: maxAddresses, ttl: Math.max(1, ttlMs) })
  const asking = new Map<string, Set<{ isOutdated: boolean }>>()

  function begin(email: CanonicalEmail): Asking {
    const own = { isOutdated: false }
    const others = asking.get(email) ?? new Set()
    asking.set(email, others.add(own))
    const drop = () => {
      others.delete(own)
      if (others.size === 0 && asking.get(email) === others) asking.delete(email)
    }
    return {
      drop,
      end({ wasAsked, network }) {
        drop()
        const memory = memories.get(email) ?? { isAsked: false, networks: new Set() }
        // Only a new one is set, or it would never expire.
        if (!memories.has(email)) memories.set(email, memory)
        if (wasAsked && !own.isOutdated) memory.isAsked = true
        if (network !== undefined && memory.networks.size < maxNetworks) memory.networks.add(network)
      },
    }
  }

  return {
    begin,
    isQuick: (email, network) => memories.get(email)?.networks.has(network) ?? false,
    isAsked: (email) => memories.get(email)?.isAsked ?? false,
    forget(email) {
      const memory = memories.get(email)
      if (memory) memory.isAsked = false
      for (const one of asking.get(email) ?? []) one.isOutdated = true
    },
    clear() {
      memories.clear()
      for (const all of asking.values()) for (const one of all) one.isOutdated = true
    },
  }
}
