import { createSharedBlocks } from './shared-blocks.ts'

export interface WindowCounts {
  /** Counts one more request. `ttl` is what is left of its window, in milliseconds. */
  count(key: string, windowMs: number, max: number): { current: number; ttl: number }
  /** Keys that are held. */
  readonly size: number
}

interface Window {
  count: number
  endsAt: number
}

const pruneMs = 1000

/**
 * Requests by key in fixed windows. Memory is bounded: at most `places` keys within their limit are counted, of which the
 * oldest window is forgotten first, and at most `places` over it, of which none is forgotten before its window ends.
 * Where even those are too many, further blocked keys are remembered by a hash, which may refuse a stranger with them.
 */
export function createWindowCounts({ places, clock }: { places: number; clock: () => number }): WindowCounts {
  const within = new Map<string, Window>()
  const over = new Map<string, Window>()
  const shared = createSharedBlocks(clock)
  let oldestFirst = within.keys()
  let pruneAt = Number.NEGATIVE_INFINITY

  function find(key: string): Window | undefined {
    const found = within.get(key) ?? over.get(key)
    if (!found || found.endsAt > clock()) return found
    within.delete(key)
    over.delete(key)
    return undefined
  }

  function open(key: string, windowMs: number): Window {
    if (within.size >= places) forgetOldest()
    const opened = { count: 0, endsAt: clock() + windowMs }
    within.set(key, opened)
    return opened
  }

  /** One iterator for all calls: a new one would walk over all that was deleted before, each time. */
  function forgetOldest(): void {
    let oldest = oldestFirst.next()
    if (oldest.done) {
      oldestFirst = within.keys()
      oldest = oldestFirst.next()
    }
    if (!oldest.done) within.delete(oldest.value)
  }

  function block(key: string, window: Window, windowMs: number): void {
    within.delete(key)
    if (over.size >= places) prune()
    if (over.size < places) over.set(key, window)
    else shared.add(key, windowMs)
  }

  /** Looks through all: once a second is enough, for each of them was refused. */
  function prune(): void {
    if (clock() < pruneAt) return
    pruneAt = clock() + pruneMs
    for (const [key, { endsAt }] of over) if (endsAt <= clock()) over.delete(key)
  }

  return {
    get size() {
      return within.size + over.size
    },
    count(key, windowMs, max) {
      const found = find(key)
      if (!found && shared.has(key, windowMs)) return { current: max + 1, ttl: windowMs }
      const window = found ?? open(key, windowMs)
      window.count += 1
      if (window.count > max && within.has(key)) block(key, window, windowMs)
      return { current: window.count, ttl: window.endsAt - clock() }
    },
  }
}
