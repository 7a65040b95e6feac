export type Latency = {
  after(ms: number, act: () => void): void
  /** Whoever still waits will never act. */
  cancel(): void
}

export function createLatency(): Latency {
  const waiting = new Set<NodeJS.Timeout>()

  return {
    after(ms, act) {
      if (ms <= 0) {
        act()
        return
      }
      const timer = setTimeout(() => {
        waiting.delete(timer)
        act()
      }, ms)
      waiting.add(timer)
    },
    cancel() {
      for (const timer of waiting) clearTimeout(timer)
      waiting.clear()
    },
  }
}
