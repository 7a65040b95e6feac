export type CallCount = { method: string; path: string; status: number; count: number }

export type CallReport = {
  total: number
  /** The most calls that came within any one second. */
  peakPerSecond: number
  calls: CallCount[]
}

export type CallBook = {
  /** Notes a call the moment it comes; it counts under status 0 until it is answered. */
  begin(method: string, path: string): (status: number) => void
  report(): CallReport
  reset(): void
}

export function createCallBook(clock: () => number): CallBook {
  let counts = new Map<string, CallCount>()
  let lastSecond: number[] = []
  let total = 0
  let peakPerSecond = 0

  function move(method: string, path: string, status: number, by: 1 | -1): void {
    const key = `${method} ${status} ${path}`
    const entry = counts.get(key) ?? { method, path, status, count: 0 }
    entry.count += by
    if (entry.count > 0) counts.set(key, entry)
    else counts.delete(key)
  }

  function notePeak(): void {
    const now = clock()
    lastSecond = lastSecond.filter((at) => at > now - 1000)
    lastSecond.push(now)
    peakPerSecond = Math.max(peakPerSecond, lastSecond.length)
  }

  return {
    begin(method, path) {
      const begunIn = counts
      let answered = false
      total += 1
      notePeak()
      move(method, path, 0, 1)
      return (status) => {
        // A reset in the meantime has forgotten the call; its end must not turn up as a stray count.
        if (answered || begunIn !== counts) return
        answered = true
        move(method, path, 0, -1)
        move(method, path, status, 1)
      }
    },
    report: () => ({ total, peakPerSecond, calls: [...counts.values()].map((entry) => ({ ...entry })) }),
    reset() {
      counts = new Map()
      lastSecond = []
      total = 0
      peakPerSecond = 0
    },
  }
}
