import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { deleteFeed, findFeed, notePing, type StoredFeed, saveFeed } from '../db/feeds.ts'
import { createKeyRing, type Secrets } from '../domain/sealing.ts'
import type { SignatureHeaders } from '../domain/signature.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
import type { Feed, Subscription } from '../upstreams/upstream.ts'
import { toStored, toSubscription } from './feeds/sealed-subscriptions.ts'
import { createFeedWorker } from './feeds/worker.ts'

declare module 'fastify' {
  interface FastifyInstance {
    feeds: Feeds
  }
}

/** News that are fetched when an upstream says that there are some. */
export interface Feeds {
  /** Throws FL_SIGNATURE_INVALID for what is not a ping of our subscription. */
  takePing(upstream: string, bytes: Buffer, headers: SignatureHeaders): Promise<void>
  /** Makes a subscription, in place of the one there may be; instances that listen keep it alive and read it. */
  subscribe(upstream: string): Promise<void>
  /** False if there was none. */
  unsubscribe(upstream: string): Promise<boolean>
}

export interface FeedsOptions {
  /** The service's own, one or several: subscriptions are stored encrypted under a key derived from the first one. */
  secret: Secrets
  /** The public address below which pings arrive, such as https://auth.example.com/api/sync. */
  url: string
}

/** How long another instance may be dead before this one takes over is this and the eight seconds of the lease. */
const tickMs = 3_000
/** Pings that come together are read together. */
const gatherMs = 50

export default fp<FeedsOptions>(
  async function feedsPlugin(app, { secret, url }) {
    const keys = createKeyRing(secret, 'feeds')
    const closing = new AbortController()
    const workers = app.upstreams.flatMap(({ name: upstream, feed }) => {
      if (!feed) return []
      const own = { upstream, feed, address: addressOf(feed), keys, signal: closing.signal }
      return [{ upstream, ...createFeedWorker(app, own) }]
    })
    const turns = new Set<Promise<void>>()
    let isOpen = false
    let tick: NodeJS.Timeout | undefined
    let gathering: NodeJS.Timeout | undefined

    function workOnAll(): void {
      for (const { upstream, work } of workers) {
        const turn = work()
          .catch((error: unknown) => {
            app.log.warn({ event: 'feed.failed', upstream, err: toLoggable(error) })
          })
          .finally(() => turns.delete(turn))
        turns.add(turn)
      }
    }

    function wake(): void {
      gathering ??= setTimeout(() => {
        gathering = undefined
        // What a reading that is under way has missed is read right after it.
        if (workers.some(({ isBusy }) => isBusy())) wake()
        else workOnAll()
      }, gatherMs).unref()
    }

    app.notices.subscribe((notice) => {
      if (isOpen && notice && 'feed' in notice) wake()
    })
    app.addHook('onListen', async function watchFeeds() {
      isOpen = true
      tick = setInterval(workOnAll, tickMs)
      tick.unref()
      workOnAll()
    })
    app.addHook('preClose', async function leaveFeeds() {
      if (!isOpen) return
      isOpen = false
      closing.abort()
      clearInterval(tick)
      clearTimeout(gathering)
      await Promise.race([Promise.all(turns), sleep(3000, undefined, { ref: false })])
      for (const { release } of workers) await release().catch(() => {})
    })

    function getFeed(upstream: string): Feed {
      const feed = app.upstreams.find(({ name }) => name === upstream)?.feed
      if (!feed) throw new FirstloginError('FL_UPSTREAM_UNLISTED')
      return feed
    }

    function addressOf({ path }: Feed): string {
      return `${url}${path}`
    }

    /** What was sealed under another secret opens for nobody: its worker says so in the log. */
    function open(upstream: string, stored: StoredFeed): Subscription {
      try {
        return toSubscription(keys, upstream, stored)
      } catch (cause) {
        throw new FirstloginError('FL_SIGNATURE_INVALID', { cause })
      }
    }

    async function endFormer(upstream: string, feed: Feed, former: StoredFeed): Promise<void> {
      try {
        await feed.unsubscribe(toSubscription(keys, upstream, former).id)
      } catch (error) {
        // One that cannot be opened is found by its address.
        if (error instanceof FirstloginError) throw error
      }
    }

    app.decorate('feeds', {
      async takePing(upstream, bytes, headers) {
        const stored = await findFeed(app.sql, upstream)
        if (!stored) throw new FirstloginError('FL_SIGNATURE_INVALID')
        getFeed(upstream).verifyPing(bytes, headers, open(upstream, stored))
        await notePing(app.sql, upstream)
      },
      async subscribe(upstream) {
        const feed = getFeed(upstream)
        const former = await findFeed(app.sql, upstream)
        if (former) await endFormer(upstream, feed, former)
        await saveFeed(app.sql, upstream, toStored(keys, upstream, await feed.subscribe(addressOf(feed))))
      },
      async unsubscribe(upstream) {
        const stored = await findFeed(app.sql, upstream)
        if (!stored) return false
        const { id } = toSubscription(keys, upstream, stored)
        // First here, or its worker takes it for lost and makes a new one.
        await deleteFeed(app.sql, upstream)
        try {
          await getFeed(upstream).unsubscribe(id)
        } catch (error) {
          await saveFeed(app.sql, upstream, stored)
          throw error
        }
        return true
      },
    } satisfies Feeds)
  },
  {
    name: 'firstlogin-feeds',
    fastify: '5.x',
    dependencies: ['firstlogin-notices', 'firstlogin-upstreams', 'firstlogin-provisioner', 'firstlogin-jobs'],
  },
)
