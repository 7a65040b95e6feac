import type { FastifyInstance } from 'fastify'
import { findMissed, type Listing, type MissedRecord } from '../../db/listings.ts'
import { findMissedMemberships } from '../../db/memberships.ts'
import { findSucceeded } from '../../db/twins.ts'
import { type Change, type MembershipName, readMembershipName } from '../../domain/change.ts'
import type { Stamp } from '../../domain/stamp.ts'
import type { Directory, Kind } from '../../upstreams/upstream.ts'

export interface Settling {
  directory: Directory
  /** Goes on where more than a tenth is gone. */
  force: boolean
  signal: AbortSignal | undefined
  /** Calls upstream, again and again while it is away. */
  ask<T>(call: () => Promise<T>, at: Listing): Promise<T>
}

/** What a complete listing does not have. */
export interface Missed {
  people: MissedRecord[]
  memberships: MembershipName[]
  /** How many people go on under another record that has their address. */
  rekeyed: number
  /** They were too many, and none of their kind was touched. */
  isRefused: boolean
}

/** Of all, as one part in so many, at most this many vanish in a night. */
const largestShare = 10
/** Where there are few memberships, one or two are more than a tenth. */
const fewest: Record<Kind, number> = { user: 0, membership: 10 }

/** Only a complete listing says who is gone, and those it misses are asked for once more by id. */
export async function settleMissed(
  app: FastifyInstance,
  listing: Listing,
  known: number,
  { directory, force, signal, ask }: Settling,
): Promise<Missed> {
  const { upstream, startedAt } = listing
  const people = await settle('user', await findMissed(app.sql, upstream, startedAt), known)
  // Where so many people are missed, their memberships are no better news.
  if (people.isRefused || !directory.kinds.includes('membership'))
    return { people: people.gone, memberships: [], rekeyed: people.rekeyed, isRefused: people.isRefused }
  const { missed, present } = await findMissedMemberships(app.sql, upstream, startedAt)
  const memberships = await settle('membership', missed, present)
  const isRefused = people.isRefused || memberships.isRefused
  return { people: people.gone, memberships: memberships.gone, rekeyed: people.rekeyed, isRefused }

  async function settle<T extends { externalId: string }>(
    kind: Kind,
    missed: T[],
    of: number,
  ): Promise<{ gone: T[]; rekeyed: number; isRefused: boolean }> {
    const askedAt = Date.now()
    const ids = missed.map(({ externalId }) => externalId)
    const existing = new Set(await ask(() => directory.findExisting(kind, ids), listing))
    const missing = missed.filter(({ externalId }) => !existing.has(externalId))
    const stamp = { at: askedAt, event: `reconcile ${listing.id}` }
    const missingIds = missing.map(({ externalId }) => externalId)
    const successors =
      kind === 'user' ? await findSucceeded(app.sql, upstream, missingIds, startedAt) : new Set<string>()
    const succeeded = new Set(missing.filter(({ externalId }) => successors.has(externalId)))
    // Their people go on under another record: no one is disabled.
    await applyGone([...succeeded], stamp)
    const gone = missing.filter((record) => !succeeded.has(record))
    const isRefused = !force && gone.length * largestShare > of && gone.length > fewest[kind]
    if (!isRefused) await applyGone(gone, stamp)
    return { gone, rekeyed: succeeded.size, isRefused }

    async function applyGone(records: T[], stamp: Stamp): Promise<void> {
      for (let from = 0; from < records.length; from += 100) {
        signal?.throwIfAborted()
        const part = records.slice(from, from + 100)
        await app.provisioner.apply(
          part.map(({ externalId }) => toVanished(kind, upstream, externalId, stamp)),
        )
      }
    }
  }
}

function toVanished(kind: Kind, upstream: string, externalId: string, stamp: Stamp): Change {
  if (kind === 'user') return { type: 'user.vanished', upstream, externalId, stamp }
  return { type: 'membership.vanished', ...readMembershipName(upstream, externalId), stamp }
}
