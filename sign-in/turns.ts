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
  /** Notices whether an attempt ends, until `stop`. */
  watch(key: string): { hasAnyEnded(): boolean; stop(): void }
}

interface Line {
  running: number
  waiting: (() => void)[]
  watchers: number
  ended: number
}

/** At most `maxWaiting` attempts wait for each key. */
export function createTurns(maxWaiting = 200): Turns {
  const lines = new Map<string, Line>()

  function getLine(key: string): Line {
    const line = lines.get(key) ?? { running: 0, waiting: [], watchers: 0, ended: 0 }
    lines.set(key, line)
    return line
  }

  function forgetIdle(key: string, { running, watchers }: Line): void {
    if (running === 0 && watchers === 0) lines.delete(key)
  }

  return {
    begin: (key) => void (getLine(key).running += 1),
    end(key) {
      const line = lines.get(key)
      if (!line) return
      line.ended += 1
      const next = line.waiting.shift()
      if (next) return next()
      line.running -= 1
      forgetIdle(key, line)
    },
    takeOver(key) {
      const line = lines.get(key)
      if (!line || line.running === 0 || line.waiting.length >= maxWaiting) return Promise.resolve(false)
      return new Promise((resolve) => line.waiting.push(() => resolve(true)))
    },
    watch(key) {
      const line = getLine(key)
      const endedBefore = line.ended
      line.watchers += 1
      return {
        hasAnyEnded: () => line.ended !== endedBefore,
        stop() {
          line.watchers -= 1
          forgetIdle(key, line)
        },
      }
    },
  }
}
