import type { FastifyInstance } from 'fastify'
import type { Sql, TransactionSql } from 'postgres'
import type { Listing } from '../../db/listings.ts'
import { inTransaction } from '../../db/transaction.ts'
import { splitOffTwins } from '../../db/twins.ts'
import type { Change } from '../../domain/change.ts'
import { FirstloginError } from '../../errors.ts'
import type { Directory, DirectoryPage, UnusableRecord } from '../../upstreams/upstream.ts'

export interface Walk {
  directory: Directory
  /** Calls upstream, again and again while it is away. */
  ask<T>(call: () => Promise<T>, at: Listing): Promise<T>
  /** Throws if the lease has passed to somebody else. */
  save(sql: Sql | TransactionSql, listing: Listing): Promise<Listing>
  onPage(at: Listing): void
  /** More people than this are not disabled: the status of further records is withheld. */
  mostDisabled: number
  /** Called with the records whose status was withheld. */
  onWithheld(externalIds: string[]): void
  /** Called with the records of a page that cannot be used, or not in full. */
  onUnusable(records: UnusableRecord[]): void
}

class TooManyDisabled extends Error {
  readonly externalIds: string[]

  constructor(externalIds: string[]) {
    super('This page would disable too many people.')
    this.externalIds = externalIds
  }
}

/** What was listed longer ago is listed again before anybody is missed. */
const staleMs = 3_600_000
/** An upstream that forgets every listing is not asked for ever. */
const mostRestarts = 3

/** Applies what differs, page by page, until the listing is complete and fresh. */
export async function walkPages(
  app: FastifyInstance,
  listing: Listing,
  { directory, ask, save, onPage, mostDisabled, onWithheld, onUnusable }: Walk,
): Promise<Listing> {
  let at = listing
  for (let restarts = 0; ; ) {
    if (isWalked(at) && Date.now() - at.startedAt.getTime() < staleMs) return at
    const from = at.nextPage ?? undefined
    const page = isWalked(at) ? 'expired' : await ask(() => directory.readPage(from), at)
    if (page === 'expired') {
      if (restarts++ === mostRestarts) throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE')
      app.log.warn({ event: 'reconcile.restarted', upstream: at.upstream, pages: at.pages })
      at = await save(app.sql, {
        ...at,
        startedAt: new Date(),
        nextPage: null,
        pages: 0,
        seen: 0,
        withheld: 0,
      })
      continue
    }
    at = await takePage(at, page)
    onUnusable(page.unusable ?? [])
    onPage(at)
  }

  /** What differs and how far the walk has come are kept together or not at all. */
  async function takePage(
    at: Listing,
    { changes, size, next }: DirectoryPage,
    withheld: ReadonlySet<string> = new Set(),
  ): Promise<Listing> {
    try {
      const [listing, changed, shared] = await inTransaction(app.sql, async (tx) => {
        // Of several new records with one address none is chosen; of one that is known there may be duplicates.
        const { usable, ambiguous } = await splitOffTwins(tx, at.upstream, changes)
        if (ambiguous.length > 0) app.log.warn({ event: 'reconcile.ambiguous', records: ambiguous })
        const told = usable.map((change) =>
          withheld.has(change.externalId) ? withoutStatus(change) : change,
        )
        const applied = told.length > 0 ? await app.provisioner.applyIn(tx, told) : []
        const disabled = new Map(
          applied.filter((one) => one.isDisabled).map(({ userId, externalId }) => [userId, externalId]),
        )
        const excess = [...disabled.values()].slice(Math.max(0, mostDisabled - at.disabled))
        if (excess.some((externalId) => !withheld.has(externalId))) throw new TooManyDisabled(excess)
        const visible = applied.filter(({ isVisible }) => isVisible)
        const moved = {
          ...at,
          nextPage: next ?? null,
          pages: at.pages + 1,
          seen: at.seen + size,
          changed: at.changed + visible.length,
          created:
            at.created + visible.filter(({ kind, path }) => kind === 'user' && path === 'created').length,
          disabled: at.disabled + disabled.size,
          withheld: at.withheld + withheld.size,
        }
        return [await save(tx, moved), visible, ambiguous] as const
      })
      app.provisioner.report(changed)
      onUnusable(shared.map((externalId) => ({ externalId, reason: 'reconcile.ambiguous' })))
      if (withheld.size > 0) {
        app.log.error({ event: 'reconcile.withheld', upstream: at.upstream, records: [...withheld] })
        onWithheld([...withheld])
      }
      return listing
    } catch (error) {
      if (!(error instanceof TooManyDisabled)) throw error
      return takePage(at, { changes, size, next }, new Set([...withheld, ...error.externalIds]))
    }
  }
}

function withoutStatus(change: Change): Change {
  if (change.type !== 'user.upserted') return change
  const { status: _, ...fields } = change.fields
  return { ...change, fields }
}

/** All pages were read, and nobody has looked yet who was on none of them. */
function isWalked({ nextPage, pages }: Listing): boolean {
  return nextPage === null && pages > 0
}
