import { randomInt } from 'node:crypto'

const places = 2 ** 20

/**
 * Which keys are blocked, in a fixed amount of memory: a key may pass for blocked because another one is, never the other
 * way round. Each is kept for one to two windows.
 */
export function createSharedBlocks(clock: () => number) {
  // So that no sender can choose with whom they share a place.
  const seed = randomInt(2 ** 32)
  let [current, former]: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined]
  let startedAt = Number.NEGATIVE_INFINITY

  function turn(windowMs: number): void {
    const windows = Math.floor((clock() - startedAt) / windowMs)
    if (windows < 1) return
    former = windows === 1 ? current : undefined
    current = undefined
    startedAt = clock()
  }

  function placeOf(key: string): number {
    let hash = seed
    for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 16_777_619)
    return (hash ^ (hash >>> 15)) & (places - 1)
  }

  return {
    has(key: string, windowMs: number): boolean {
      if (!current && !former) return false
      turn(windowMs)
      const place = placeOf(key)
      return current?.[place] === 1 || former?.[place] === 1
    },
    add(key: string, windowMs: number): void {
      turn(windowMs)
      current ??= new Uint8Array(places)
      current[placeOf(key)] = 1
    },
  }
}
