import type { FastifyRateLimitStore } from '@fastify/rate-limit'
import { createWindowCounts, type WindowCounts } from './counts.ts'

/** Networks of one route; each place takes some 150 bytes. */
const places = 50_000

export function createLocalCounts(): WindowCounts {
  return createWindowCounts({ places, clock: () => performance.now() })
}

/** Counts of this instance alone, as @fastify/rate-limit wants them: one store for each route. */
export class MemoryStore implements FastifyRateLimitStore {
  readonly #counts = createLocalCounts()

  incr(...[key, answer, windowMs, max]: Parameters<FastifyRateLimitStore['incr']>): void {
    answer(null, this.#counts.count(key, windowMs, max))
  }

  child(): MemoryStore {
    return new MemoryStore()
  }
}
