import type { FastifyInstance } from 'fastify'
import { findMissed, type Listing, type MissedRecord } from '../../db/listings.ts'
import { findMissedMemberships } from '../../db/memberships.ts'
import { findSucceeded } from '../../db/twins.ts'
import { type Change, type MembershipName, readMembershipName } from '../../domain/change.ts'
import type { Stamp } from '../../domain/stamp.ts'
import type { Directory, Kind } from '../../upstreams/upstream.ts'

export interface Settling {
  directory: Directory
  /** Goes on where too many are gone. */
  force: boolean
  /** More people than this are not disabled, those whom the pages have disabled included. */
  mostDisabled: number
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

/** Of all memberships, as one part in so many, at most this many end in a run, or a few where there are few. */
const largestShare = 10
const fewMemberships = 10

/** Only a complete listing says who is gone, and those it misses are asked for once more by id. */
export async function settleMissed(
  app: FastifyInstance,
  listing: Listing,
  { directory, force, mostDisabled, signal, ask }: Settling,
): Promise<Missed> {
  const { upstream, startedAt } = listing
  const people = await settle(
    'user',
    await findMissed(app.sql, upstream, startedAt),
    mostDisabled - listing.disabled,
  )
  // Where so many people are missed, their memberships are no better news.
  if (people.isRefused || !directory.kinds.includes('membership'))
    return { people: people.gone, memberships: [], rekeyed: people.rekeyed, isRefused: people.isRefused }
  const { missed, present } = await findMissedMemberships(app.sql, upstream, startedAt)
  const mostEnded = Math.max(fewMemberships, Math.floor(present / largestShare))
  const memberships = await settle('membership', missed, mostEnded)
  const isRefused = people.isRefused || memberships.isRefused
  return { people: people.gone, memberships: memberships.gone, rekeyed: people.rekeyed, isRefused }

  async function settle<T extends { externalId: string }>(
    kind: Kind,
    missed: T[],
    most: number,
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
    const isRefused = !force && gone.length > most
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
