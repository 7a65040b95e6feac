import { FirstloginError } from '../errors.ts'

/** Attempts on one account, one at a time: so many at once take as long for every kind of account and hash. */
export interface Lines {
  /**
   * Resolves when it is the caller's turn; the answer ends it. The client network that was served longest ago is next, so
   * that one with many attempts does not keep the others waiting. Throws FL_OVERLOADED.
   */
  enter(account: string, network: string): Promise<() => void>
}

interface Line {
  waiting: { network: string; start: () => void }[]
  /** The turn in which each network was served last. */
  served: Map<string, number>
  turns: number
}

/** More would wait for minutes. */
const maxWaiting = 1000

export function createLines(): Lines {
  const lines = new Map<string, Line>()

  function serve(line: Line, network: string): void {
    line.turns += 1
    line.served.set(network, line.turns)
  }

  function leave(account: string, line: Line): void {
    const servedAt = ({ network }: { network: string }) => line.served.get(network) ?? 0
    const [first, ...others] = line.waiting
    if (!first) {
      lines.delete(account)
      return
    }
    const next = others.reduce((best, one) => (servedAt(one) < servedAt(best) ? one : best), first)
    line.waiting.splice(line.waiting.indexOf(next), 1)
    serve(line, next.network)
    next.start()
  }

  return {
    async enter(account, network) {
      const line = lines.get(account)
      if (!line) {
        const own: Line = { waiting: [], served: new Map(), turns: 0 }
        lines.set(account, own)
        serve(own, network)
        return once(() => leave(account, own))
      }
      if (line.waiting.length >= maxWaiting) throw new FirstloginError('FL_OVERLOADED', { retryAfterS: 10 })
      await new Promise<void>((start) => line.waiting.push({ network, start }))
      return once(() => leave(account, line))
    },
  }
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}
