/**
 * Attempts of one client that are under way on this instance. One that is refused because they count already waits for the
 * next of them to end: if that one succeeds, there is room again.
 */
export interface Turns {
  /** An attempt is under way. */
  begin(key: string): void
  /** It is no longer; one that waits takes its place, and is under way. */
  end(key: string): void
  /** True once this attempt has taken the place of one that ended; false when there is nothing to wait for. */
  takeOver(key: string): Promise<boolean>
}

/** At most `maxWaiting` attempts wait for each key. */
export function createTurns(maxWaiting = 200): Turns {
  const lines = new Map<string, { running: number; waiting: (() => void)[] }>()

  return {
    begin(key) {
      const line = lines.get(key) ?? { running: 0, waiting: [] }
      line.running += 1
      lines.set(key, line)
    },
    end(key) {
      const line = lines.get(key)
      const next = line?.waiting.shift()
      if (!line) return
      if (next) return next()
      line.running -= 1
      if (line.running === 0) lines.delete(key)
    },
    takeOver(key) {
      const line = lines.get(key)
      if (!line || line.waiting.length >= maxWaiting) return Promise.resolve(false)
      return new Promise((resolve) => line.waiting.push(() => resolve(true)))
    },
  }
}
