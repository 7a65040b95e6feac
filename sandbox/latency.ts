export type Latency = {
  after(ms: number, act: () => void): void
  /** What still waits acts at once. */
  release(): void
  /** What still waits will never act. */
  cancel(): void
}

export function createLatency(): Latency {
  const waiting = new Map<NodeJS.Timeout, () => void>()

  function cancel() {
    for (const timer of waiting.keys()) clearTimeout(timer)
    waiting.clear()
  }

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
      waiting.set(timer, act)
    },
    release() {
      const held = [...waiting]
      cancel()
      for (const [, act] of held) act()
    },
    cancel,
  }
}
