import type { FastifyInstance } from 'fastify'
import { type ClaimedFeed, moveCursor } from '../../db/feeds.ts'
import { inTransaction } from '../../db/transaction.ts'
import { splitOffTwins } from '../../db/twins.ts'
import type { Change } from '../../domain/change.ts'
import type { Feed, Subscription } from '../../upstreams/upstream.ts'

export interface Reading {
  upstream: string
  feed: Feed
  /** Who holds the lease. */
  worker: string
  claimed: ClaimedFeed
  subscription: Subscription
  /** Ends the reading after the page that it is at. */
  signal: AbortSignal
}

/** Of the changes of a page in one transaction. */
const largestPart = 100

/** Applies all news, page by page; `left` when it was told to end before. */
export async function readNews(
  app: FastifyInstance,
  { upstream, feed, worker, claimed, subscription, signal }: Reading,
): Promise<'done' | 'lost' | 'left'> {
  let at = subscription
  while (!signal.aborted) {
    const page = await feed.read(at)
    if (page === 'lost') return 'lost'
    const { usable, ambiguous } = await splitOffTwins(app.sql, upstream, page.changes)
    if (ambiguous.length > 0) app.log.warn({ event: 'feed.ambiguous', records: ambiguous })
    await applyPage(usable, { from: at.cursor, to: page.cursor })
    app.log.info({ event: 'feed.read', upstream, changes: page.changes.length })
    if (!page.hasMore || page.cursor === at.cursor) return 'done'
    at = { ...at, cursor: page.cursor }
  }
  return 'left'

  /** A part that is applied again does no harm: the cursor moves with the last. */
  async function applyPage(changes: Change[], move: { from: number; to: number }): Promise<void> {
    let rest = changes
    while (rest.length > largestPart) {
      await applyPart(rest.slice(0, largestPart))
      rest = rest.slice(largestPart)
    }
    await applyPart(rest, move)
  }

  async function applyPart(part: Change[], move?: { from: number; to: number }): Promise<void> {
    const applied = await inTransaction(app.sql, async (tx) => {
      const applied = part.length > 0 ? await app.provisioner.applyIn(tx, part) : []
      // Whoever took over meanwhile reads the same page: its reading counts.
      if (move && !(await moveCursor(tx, upstream, worker, claimed, move)))
        throw new Error('The lease has passed on, or the subscription was replaced.')
      return applied
    })
    app.provisioner.report(applied.filter(({ hadEffect, duplicateOf }) => hadEffect || duplicateOf !== null))
  }
}
