/** A stream of choices that one number decides, so that whatever it finds can be found again. */
export interface Random {
  /** From 0 up to and without `end`. */
  int(end: number): number
  pick<T>(list: readonly T[]): T
  bytes(length: number): Buffer
}

export function createRandom(seed: number): Random {
  let state = seed
  return {
    int,
    pick: <T>(list: readonly T[]) => list[int(list.length)] as T,
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(256))),
  }

  // mulberry32
  function int(end: number): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end
  }
}
