export interface PaceMeter {
  add(ms: number): void
  /** Nine of the last ten took no longer. Milliseconds. */
  readonly unitMs: number
}

const maxSamples = 64

/** How long one hash of our own takes. `initialMs` is the answer until the first was measured. */
export function createPaceMeter(initialMs = 15): PaceMeter {
  const samples: number[] = []
  let unitMs = initialMs
  return {
    add(ms) {
      samples.push(ms)
      if (samples.length > maxSamples) samples.shift()
      const sorted = samples.toSorted((a, b) => a - b)
      unitMs = sorted[Math.ceil(0.9 * sorted.length) - 1] ?? initialMs
    },
    get unitMs() {
      return unitMs
    },
  }
}
