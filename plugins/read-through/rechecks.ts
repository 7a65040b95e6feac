import type { Sql } from 'postgres'
import { claimRecheck } from '../../db/upstream-gates.ts'
import { touchIdentities } from '../../db/users.ts'
import type { UserUpserted } from '../../domain/change.ts'
import type { Lookup } from '../../upstreams/upstream.ts'

export interface RechecksOptions {
  sql: Sql
  upstream: string
  gate: string
  lookup: Lookup
  settle: (found: UserUpserted[]) => Promise<void>
  onError: (error: unknown) => void
}

/** Looks again at people whom Postgres knows, behind the answer: many to a call, at most one call a minute. */
export interface Rechecks {
  add(externalId: string): void
  close(): void
}

const pauseMs = 60_000
const mostWaiting = 10_000

export function createRechecks({ sql, upstream, gate, lookup, settle, onError }: RechecksOptions): Rechecks {
  const due = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  function schedule(afterMs: number): void {
    if (timer || isClosed) return
    timer = setTimeout(() => {
      timer = undefined
      recheck()
        .catch(onError)
        .finally(() => {
          if (due.size > 0) schedule(pauseMs)
        })
    }, afterMs)
    timer.unref()
  }

  async function recheck(): Promise<void> {
    if (!(await claimRecheck(sql, gate))) return
    const externalIds = [...due].slice(0, lookup.batchSize)
    for (const id of externalIds) due.delete(id)
    try {
      const found = await lookup.find(() => ({ emails: [], externalIds }))
      await settle(found)
      // Whoever was not found was looked at, too.
      await touchIdentities(sql, upstream, externalIds)
    } catch (error) {
      for (const id of externalIds) due.add(id)
      throw error
    }
  }

  return {
    add(externalId) {
      if (due.size < mostWaiting) due.add(externalId)
      schedule(5)
    },
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}
