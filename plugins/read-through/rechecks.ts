import type { Sql } from 'postgres'
import { claimRecheck } from '../../db/upstream-gates.ts'
import { touchIdentities } from '../../db/users.ts'
import type { UserUpserted } from '../../domain/change.ts'
import type { Lookup } from '../../upstreams/upstream.ts'
import { type BackgroundBatches, createBackgroundBatches } from '../background/batches.ts'

export interface RechecksOptions {
  sql: Sql
  upstream: string
  gate: string
  lookup: Lookup
  settle: (found: UserUpserted[]) => Promise<void>
  onError: (error: unknown) => void
}

/** Looks again at people whom Postgres knows, by their ids upstream: many to a call, at most one call a minute. */
export function createRechecks(options: RechecksOptions): BackgroundBatches {
  const { sql, upstream, gate, lookup, settle, onError } = options
  return createBackgroundBatches({
    batchSize: lookup.batchSize,
    pauseMs: 60_000,
    onError,
    async work(externalIds) {
      if (!(await claimRecheck(sql, gate))) return false
      await settle(await lookup.find(() => ({ emails: [], externalIds })))
      // Whoever was not found was looked at, too.
      await touchIdentities(sql, upstream, externalIds)
      return true
    },
  })
}
