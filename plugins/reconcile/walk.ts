import type { FastifyInstance } from 'fastify'
import type { Sql, TransactionSql } from 'postgres'
import type { Listing } from '../../db/listings.ts'
import { inTransaction } from '../../db/transaction.ts'
import { splitOffTwins } from '../../db/twins.ts'
import { FirstloginError } from '../../errors.ts'
import type { Directory, DirectoryPage } from '../../upstreams/upstream.ts'

export interface Walk {
  directory: Directory
  /** Calls upstream, again and again while it is away. */
  ask<T>(call: () => Promise<T>, at: Listing): Promise<T>
  /** Throws if the lease has passed to somebody else. */
  save(sql: Sql | TransactionSql, listing: Listing): Promise<Listing>
  onPage(at: Listing): void
}

/** What was listed longer ago is listed again before anybody is missed. */
const staleMs = 3_600_000
/** An upstream that forgets every listing is not asked for ever. */
const mostRestarts = 3

/** Applies what differs, page by page, until the listing is complete and fresh. */
export async function walkPages(
  app: FastifyInstance,
  listing: Listing,
  { directory, ask, save, onPage }: Walk,
): Promise<Listing> {
  let at = listing
  for (let restarts = 0; ; ) {
    if (isWalked(at) && Date.now() - at.startedAt.getTime() < staleMs) return at
    const from = at.nextPage ?? undefined
    const page = isWalked(at) ? 'expired' : await ask(() => directory.readPage(from), at)
    if (page === 'expired') {
      if (restarts++ === mostRestarts) throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE')
      app.log.warn({ event: 'reconcile.restarted', upstream: at.upstream, pages: at.pages })
      at = await save(app.sql, { ...at, startedAt: new Date(), nextPage: null, pages: 0, seen: 0 })
      continue
    }
    at = await takePage(at, page)
    onPage(at)
  }

  /** What differs and how far the walk has come are kept together or not at all. */
  async function takePage(at: Listing, { changes, size, next }: DirectoryPage): Promise<Listing> {
    const [listing, changed] = await inTransaction(app.sql, async (tx) => {
      // Of several new records with one address none is chosen; of one that is known there may be duplicates.
      const { usable, ambiguous } = await splitOffTwins(tx, at.upstream, changes)
      if (ambiguous.length > 0) app.log.warn({ event: 'reconcile.ambiguous', records: ambiguous })
      const applied = usable.length > 0 ? await app.provisioner.applyIn(tx, usable) : []
      const visible = applied.filter(({ isVisible }) => isVisible)
      const moved = {
        ...at,
        nextPage: next ?? null,
        pages: at.pages + 1,
        seen: at.seen + size,
        changed: at.changed + visible.length,
      }
      return [await save(tx, moved), visible] as const
    })
    app.provisioner.report(changed)
    return listing
  }
}

/** All pages were read, and nobody has looked yet who was on none of them. */
function isWalked({ nextPage, pages }: Listing): boolean {
  return nextPage === null && pages > 0
}
