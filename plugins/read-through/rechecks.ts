import type { FastifyInstance } from 'fastify'
import { claimRecheck } from '../../db/upstream-gates.ts'
import { touchIdentities } from '../../db/users.ts'
import type { UserUpserted } from '../../domain/change.ts'
import type { Lookup } from '../../upstreams/upstream.ts'
import { type BackgroundBatches, createBackgroundBatches } from '../background/batches.ts'
import { askByIds, settleMissing } from './holders.ts'

export interface RechecksOptions {
  app: FastifyInstance
  upstream: string
  gate: string
  lookup: Lookup
  settle: (found: UserUpserted[]) => Promise<void>
  onError: (error: unknown) => void
}

/** Looks again at people whom Postgres knows, by their ids upstream: many to a call, at most one call a minute. */
export function createRechecks(options: RechecksOptions): BackgroundBatches {
  const { app, upstream, gate, lookup, settle, onError } = options
  return createBackgroundBatches({
    batchSize: lookup.batchSize,
    pauseMs: 60_000,
    onError,
    async work(externalIds) {
      if (!(await claimRecheck(app.sql, gate))) return false
      const asked = await askByIds(lookup, externalIds)
      await settle(asked.found)
      await settleMissing(app, upstream, asked)
      // Whoever was not found was looked at, too.
      await touchIdentities(app.sql, upstream, externalIds)
      return true
    },
  })
}
