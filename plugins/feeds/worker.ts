import type { FastifyInstance } from 'fastify'
import { uuidv7 } from 'uuidv7'
import {
  type ClaimedFeed,
  claimFeed,
  markRead,
  markRenewed,
  releaseFeed,
  replaceFeed,
} from '../../db/feeds.ts'
import type { KeyRing } from '../../domain/sealing.ts'
import type { Feed, Subscription } from '../../upstreams/upstream.ts'
import { readNews } from './reading.ts'
import { toStored, toSubscription } from './sealed-subscriptions.ts'

export interface FeedWorkerOptions {
  upstream: string
  feed: Feed
  /** Where pings arrive. */
  address: string
  /** What subscriptions are sealed with. */
  keys: KeyRing
  /** Ends a reading after the page that it is at. */
  signal: AbortSignal
}

/** Reads the news of one upstream and keeps the subscription to them alive, as one of many instances. */
export interface FeedWorker {
  isBusy(): boolean
  /** Does what is due, if no other instance is at it. */
  work(): Promise<void>
  /** Another instance may go on. */
  release(): Promise<void>
}

const firstRestMs = 1_000
const longestRestMs = 300_000

export function createFeedWorker(
  app: FastifyInstance,
  { upstream, feed, address, keys, signal }: FeedWorkerOptions,
): FeedWorker {
  const worker = uuidv7()
  let isBusy = false
  let restMs = firstRestMs
  let restsUntil = 0

  /** While upstream fails it is asked again after a second, and after twice the time each time. */
  function rest(): void {
    restsUntil = Date.now() + restMs
    restMs = Math.min(2 * restMs, longestRestMs)
  }

  async function attend(claimed: ClaimedFeed): Promise<void> {
    const subscription = toSubscription(keys, upstream, claimed)
    // First of all: one that has to be replaced may have news that were not read.
    if (claimed.isReadDue) {
      const outcome = await readNews(app, { upstream, feed, worker, claimed, subscription, signal })
      if (outcome === 'lost') return replace(claimed, subscription)
      if (outcome === 'left') return
      if (claimed.isBehind) await app.jobs.request('reconcile', { upstream })
      await markRead(app.sql, upstream, claimed)
      restMs = firstRestMs
    }
    if (claimed.isRenewalDue) {
      const outcome = await feed.renew(subscription, address)
      if (outcome === 'lost') return replace(claimed, subscription)
      await markRenewed(app.sql, upstream, claimed)
    }
  }

  /** What happened without a subscription is in no news: the first reading has a complete listing made. */
  async function replace(lost: ClaimedFeed, { id }: Subscription): Promise<void> {
    app.log.warn({ event: 'feed.lost', upstream })
    // One that is lost as soon as it is made must not be made every moment.
    rest()
    await feed.unsubscribe(id)
    const fresh = await feed.subscribe(address)
    // Somebody may have ended it, or begun anew, meanwhile.
    if (await replaceFeed(app.sql, upstream, lost, toStored(keys, upstream, fresh)))
      app.log.info({ event: 'feed.subscribed', upstream })
    else await feed.unsubscribe(fresh.id)
  }

  return {
    isBusy: () => isBusy,
    async work() {
      // Whoever is at it claims again and again, and so keeps the lease.
      const claimed = await claimFeed(app.sql, upstream, worker)
      if (!claimed || isBusy || Date.now() < restsUntil) return
      isBusy = true
      try {
        await attend(claimed)
      } catch (error) {
        rest()
        throw error
      } finally {
        isBusy = false
      }
    },
    release: () => releaseFeed(app.sql, upstream, worker),
  }
}
