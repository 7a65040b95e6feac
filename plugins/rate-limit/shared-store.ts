import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { RouteOptions } from 'fastify'
import { createLocalCounts } from './memory-store.ts'
import type { SharedCounts } from './shared-counts.ts'

/** The plugin hands the route over in `routeInfo`, which is not in its types. */
type ChildOptions = Parameters<FastifyRateLimitStore['child']>[0] & { routeInfo?: Partial<RouteOptions> }

/**
 * Requests count in all instances together, and here as well, so that this instance's own count goes on where Redis is
 * away. What is over the limit here alone is refused without asking Redis.
 */
class SharedStore implements FastifyRateLimitStore {
  readonly #own = createLocalCounts()
  readonly #shared: SharedCounts
  readonly #prefix: string

  constructor(shared: SharedCounts, prefix: string) {
    this.#shared = shared
    this.#prefix = prefix
  }

  incr(...[key, answer, windowMs, max]: Parameters<FastifyRateLimitStore['incr']>): void {
    const own = this.#own.count(key, windowMs, max)
    if (own.current > max) return answer(null, own)
    void this.#shared.count(this.#prefix + key, windowMs).then((count) => answer(null, count ?? own))
  }

  child(options: ChildOptions): SharedStore {
    const { method = '', url = '' } = options.routeInfo ?? {}
    return new SharedStore(this.#shared, `${this.#prefix}${[method].flat().join()}${url}-`)
  }
}

/** A store for @fastify/rate-limit, which constructs it itself. */
export function createSharedStore(shared: SharedCounts): FastifyRateLimitStoreCtor {
  return class extends SharedStore {
    constructor() {
      super(shared, 'firstlogin:')
    }
  }
}
