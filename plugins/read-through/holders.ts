import type { FastifyInstance } from 'fastify'
import { findSucceeded } from '../../db/twins.ts'
import type { UserChange, UserUpserted } from '../../domain/change.ts'
import type { Lookup } from '../../upstreams/upstream.ts'

/** What became of records that were asked for by their ids. */
export interface Asked {
  ids: string[]
  found: UserUpserted[]
  /** Before the call. Milliseconds since 1970. */
  askedAt: number
}

export async function askByIds(lookup: Lookup, ids: string[]): Promise<Asked> {
  const askedAt = Date.now()
  return { ids, found: await lookup.find(() => ({ emails: [], externalIds: ids })), askedAt }
}

/**
 * Marks those as missing that were asked for by id and not found, if another record has their address: that one takes
 * over. Without another one a person is only removed by an event or a complete listing.
 */
export async function settleMissing(
  app: FastifyInstance,
  upstream: string,
  { ids, found, askedAt }: Asked,
): Promise<void> {
  const known = new Set(found.map(({ externalId }) => externalId))
  const missing = ids.filter((id) => !known.has(id))
  const succeeded = await findSucceeded(app.sql, upstream, missing)
  if (succeeded.size === 0) return
  const stamp = { at: askedAt, event: `recheck ${new Date(askedAt).toISOString()}` }
  const gone = [...succeeded].map((externalId): UserChange => {
    return { type: 'user.vanished', upstream, externalId, stamp }
  })
  await app.provisioner.apply(gone)
}
