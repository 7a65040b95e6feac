import type { TransactionSql } from 'postgres'
import type { Random } from '../../domain/signature/forgery/random.ts'
import type { Cut } from './cuts.ts'
import type { MarkedHost, Marks } from './marks.ts'
import { listUses } from './uses.ts'

export interface CutRuns {
  /** Transactions whose connection was cut before they had ended. */
  cut: number
  /** Those that had ended before. */
  finished: number
  /** Transactions of another organization meanwhile, on the same pool. */
  bystanders: number
}

/**
 * Transactions one after the other, each using its handle in random ways, also when it has long ended, while its
 * connection is cut at a random moment and others use the pool.
 */
export async function cutAtRandom(
  { marks, host, cuts, random }: { marks: Marks; host: MarkedHost; cuts: Cut[]; random: Random },
  runs: number,
): Promise<CutRuns> {
  const result = { cut: 0, finished: 0, bystanders: 0 }
  const uses = Object.values(listUses(marks.run, marks.file))

  /** Goes on, whatever fails: a host that swallows errors must not get further than one that does not. */
  async function useAtRandom(handles: TransactionSql[], times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const [tx] = handles
      if (!tx) return
      const use = random.pick(uses)
      const done = (async () => use(random.pick(handles)))().catch(() => {})
      if (random.int(4) > 0) await done
      if (random.int(8) === 0) await new Promise(setImmediate)
    }
  }

  async function stand(): Promise<void> {
    const isHome = await host
      .enter(marks.south, 'bystander', async (tx) => {
        await tx`select mark('bystander')`
        await new Promise(setImmediate)
        await tx`select mark('bystander')`
        return true
      })
      .catch(() => false)
    if (isHome) result.bystanders += 1
  }

  for (let run = 0; run < runs; run += 1) {
    const handles: TransactionSql[] = []
    const cutAfter = random.int(8)
    const bystanders = Array.from({ length: random.int(3) }, stand)
    let cutting: Promise<void> | undefined
    let using: Promise<void> | undefined
    const ended = await host
      .enter(marks.north, marks.run, async (tx) => {
        handles.push(tx)
        const [row] = await tx<[{ pid: number }]>`select pg_backend_pid() as pid`
        await useAtRandom(handles, cutAfter)
        cutting = random.pick(cuts)(row.pid)
        if (random.int(2)) await cutting
        using = useAtRandom(handles, random.int(12))
        if (random.int(2))
          await tx.savepoint((part) => useAtRandom([...handles, part], random.int(6))).catch(() => {})
        await using
        if (random.int(4) === 0) throw new Error('of the work')
      })
      .then(
        () => 'finished' as const,
        (error: unknown) => (error instanceof Error && error.message === 'of the work' ? 'finished' : 'cut'),
      )
    result[ended] += 1
    bystanders.push(stand())
    await cutting
    await useAtRandom(handles, 10)
    await using
    await Promise.all(bystanders)
    await host.reconnect()
  }
  return result
}
