import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { uuidv7 } from 'uuidv7'
import {
  claimFeed,
  deleteFeed,
  findFeed,
  markRead,
  markRenewed,
  moveCursor,
  notePing,
  releaseFeed,
  type StoredFeed,
  saveFeed,
} from '../db/feeds.ts'
import { deriveKey, seal, unseal } from '../domain/sealing.ts'
import type { SignatureHeaders } from '../domain/signature.ts'
import { splitTwins } from '../domain/twins.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
import type { Feed, Subscription } from '../upstreams/upstream.ts'
import type { ConnectedUpstream } from './upstreams.ts'

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
  /** The service's own: subscriptions are kept encrypted under a key derived from it. */
  secret: string
  /** The public address below which pings arrive, such as https://auth.example.com/api/sync. */
  url: string
  /** Seconds after which is looked without a ping, and after which the subscription is looked after. Default 6 h. */
  pollS?: number
}

/** How long another instance may be dead before this one takes over is this and the ten seconds of the lease. */
const tickMs = 3_000
/** Pings that come together are read together. */
const gatherMs = 50

export default fp<FeedsOptions>(
  async function feedsPlugin(app, { secret, url, pollS = 6 * 3600 }) {
    const worker = uuidv7()
    const key = deriveKey(secret, 'feeds')
    const isBusy = new Set<string>()
    let isOpen = false
    let tick: NodeJS.Timeout | undefined

    function getFeed(upstream: string): Feed {
      const feed = app.upstreams.find(({ name }) => name === upstream)?.feed
      if (!feed) throw new FirstloginError('FL_UPSTREAM_UNLISTED')
      return feed
    }

    function toStored(upstream: string, { cursor, ...kept }: Subscription): StoredFeed {
      return { sealedSubscription: seal(key, upstream, JSON.stringify(kept)), cursor }
    }

    function toSubscription(upstream: string, { sealedSubscription, cursor }: StoredFeed): Subscription {
      const kept: unknown = JSON.parse(unseal(key, upstream, sealedSubscription))
      if (!isKept(kept)) throw new Error('The kept subscription is not one.')
      return { ...kept, cursor }
    }

    async function subscribe(upstream: string): Promise<void> {
      const feed = getFeed(upstream)
      const subscription = await feed.subscribe(`${url}${feed.path}`)
      await saveFeed(app.sql, upstream, toStored(upstream, subscription))
    }

    /** Reads and renews if that is due and if no other instance is at it. */
    async function work({ name, feed }: ConnectedUpstream): Promise<void> {
      if (!feed || !isOpen) return
      const claimed = await claimFeed(app.sql, name, worker, pollS)
      if (!claimed || isBusy.has(name)) return
      isBusy.add(name)
      try {
        const subscription = toSubscription(name, claimed)
        if (claimed.isRenewalDue) await renew(name, feed, subscription)
        else if (claimed.isReadDue) {
          await readAll(name, feed, subscription)
          await markRead(app.sql, name, claimed.claimedAt)
        }
      } finally {
        isBusy.delete(name)
      }
    }

    async function renew(name: string, feed: Feed, subscription: Subscription): Promise<void> {
      if ((await feed.renew(subscription, `${url}${feed.path}`)) === 'lost') return begin(name)
      await markRenewed(app.sql, name)
    }

    async function readAll(name: string, feed: Feed, from: Subscription): Promise<void> {
      for (let at = from, hasMore = true; hasMore && isOpen; ) {
        const page = await feed.read(at)
        if (page === 'lost') return begin(name)
        const { single, rivals } = splitTwins(page.changes)
        for (const group of rivals)
          app.log.warn({ event: 'feed.ambiguous', records: group.map(({ externalId }) => externalId) })
        const move = { from: at.cursor, to: page.cursor }
        await app.sql.begin(async (tx) => {
          const applied = single.length > 0 ? await app.provisioner.applyIn(tx, single) : []
          // Whoever took over meanwhile reads the same page: its reading counts.
          if (!(await moveCursor(tx, name, worker, move))) throw new Error('The lease has passed on.')
          app.provisioner.report(applied.filter(({ hadEffect }) => hadEffect))
        })
        app.log.info({ event: 'feed.read', upstream: name, changes: page.changes.length })
        at = { ...at, cursor: page.cursor }
        hasMore = page.hasMore
      }
    }

    /** A new subscription; what happened while there was none is only found by a complete listing. */
    async function begin(name: string): Promise<void> {
      app.log.warn({ event: 'feed.lost', upstream: name })
      await subscribe(name)
      await app.jobs.request('reconcile', { upstream: name })
    }

    function workOnAll(): void {
      for (const upstream of app.upstreams) {
        work(upstream).catch((error: unknown) => {
          app.log.warn({ event: 'feed.failed', upstream: upstream.name, err: toLoggable(error) })
        })
      }
    }

    app.notices.subscribe((notice) => {
      if (notice && 'feed' in notice) void sleep(gatherMs).then(workOnAll)
    })
    app.addHook('onListen', async function watchFeeds() {
      isOpen = true
      tick = setInterval(workOnAll, tickMs)
      tick.unref()
      workOnAll()
    })
    app.addHook('preClose', async function leaveFeeds() {
      const wasOpen = isOpen
      isOpen = false
      clearInterval(tick)
      for (let tries = 0; isBusy.size > 0 && tries < 60; tries++) await sleep(50)
      if (!wasOpen) return
      for (const { name, feed } of app.upstreams)
        if (feed) await releaseFeed(app.sql, name, worker).catch(() => {})
    })

    app.decorate('feeds', {
      async takePing(upstream, bytes, headers) {
        const stored = await findFeed(app.sql, upstream)
        if (!stored) throw new FirstloginError('FL_SIGNATURE_INVALID')
        getFeed(upstream).verifyPing(bytes, headers, toSubscription(upstream, stored))
        await notePing(app.sql, upstream)
      },
      subscribe,
      async unsubscribe(upstream) {
        const stored = await findFeed(app.sql, upstream)
        if (!stored) return false
        await getFeed(upstream).unsubscribe(toSubscription(upstream, stored).id)
        await deleteFeed(app.sql, upstream)
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

function isKept(value: unknown): value is { id: string; secret: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    'secret' in value &&
    typeof value.id === 'string' &&
    typeof value.secret === 'string'
  )
}
