import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { uuidv7 } from 'uuidv7'
import {
  type ClaimedFeed,
  claimFeed,
  deleteFeed,
  findFeed,
  findHolders,
  markRead,
  markRenewed,
  moveCursor,
  notePing,
  releaseFeed,
  replaceFeed,
  type StoredFeed,
  saveFeed,
} from '../db/feeds.ts'
import { inTransaction } from '../db/transaction.ts'
import type { Change } from '../domain/change.ts'
import { deriveKey } from '../domain/sealing.ts'
import type { SignatureHeaders } from '../domain/signature.ts'
import { addressOf, splitTwins } from '../domain/twins.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
import type { Feed, Subscription } from '../upstreams/upstream.ts'
import { toStored, toSubscription } from './feeds/sealed-subscriptions.ts'
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

/** Of the changes of a page in one transaction. */
const largestPart = 100
/** How long another instance may be dead before this one takes over is this and the eight seconds of the lease. */
const tickMs = 3_000
/** Pings that come together are read together. */
const gatherMs = 50
/** While upstream fails it is asked again after a second, and after twice the time each time, up to this. */
const longestRestMs = 300_000

export default fp<FeedsOptions>(
  async function feedsPlugin(app, { secret, url, pollS = 6 * 3600 }) {
    const worker = uuidv7()
    const key = deriveKey(secret, 'feeds')
    const isBusy = new Set<string>()
    const rests = new Map<string, { until: number; ms: number }>()
    const turns = new Set<Promise<void>>()
    let isOpen = false
    let tick: NodeJS.Timeout | undefined
    let gathering: NodeJS.Timeout | undefined

    function getFeed(upstream: string): Feed {
      const feed = app.upstreams.find(({ name }) => name === upstream)?.feed
      if (!feed) throw new FirstloginError('FL_UPSTREAM_UNLISTED')
      return feed
    }

    /** Reads and renews if that is due and if no other instance is at it. */
    async function work({ name, feed }: ConnectedUpstream): Promise<void> {
      if (!feed || !isOpen) return
      // Whoever is at it claims again and again, and so keeps the lease.
      const claimed = await claimFeed(app.sql, name, worker, pollS)
      if (!claimed || isBusy.has(name) || Date.now() < (rests.get(name)?.until ?? 0)) return
      isBusy.add(name)
      try {
        await attend(name, feed, claimed)
      } catch (error) {
        rest(name)
        throw error
      } finally {
        isBusy.delete(name)
      }
    }

    function rest(name: string): void {
      const ms = Math.min(2 * (rests.get(name)?.ms ?? 500), longestRestMs)
      rests.set(name, { until: Date.now() + ms, ms })
    }

    async function attend(name: string, feed: Feed, claimed: ClaimedFeed): Promise<void> {
      const subscription = toSubscription(key, name, claimed)
      // First of all: one that has to be replaced may have news that were not read.
      if (claimed.isReadDue) {
        const outcome = await readAll(name, feed, claimed, subscription)
        if (outcome === 'lost') return replace(name, feed, claimed, subscription)
        if (outcome === 'left') return
        if (claimed.isBehind) await app.jobs.request('reconcile', { upstream: name })
        await markRead(app.sql, name, claimed)
        rests.delete(name)
      }
      if (claimed.isRenewalDue) {
        const outcome = await feed.renew(subscription, `${url}${feed.path}`)
        if (outcome === 'lost') return replace(name, feed, claimed, subscription)
        await markRenewed(app.sql, name, claimed)
      }
    }

    /** `left` when the app closed before the end. */
    async function readAll(
      name: string,
      feed: Feed,
      claimed: ClaimedFeed,
      from: Subscription,
    ): Promise<'done' | 'lost' | 'left'> {
      for (let at = from; isOpen; ) {
        const page = await feed.read(at)
        if (page === 'lost') return 'lost'
        const news = await withoutTwins(name, page.changes)
        // A part that is applied again does no harm: the cursor moves with the last.
        for (; news.length > largestPart; await applyPart(news.splice(0, largestPart)));
        await applyPart(news, { from: at.cursor, to: page.cursor })
        app.log.info({ event: 'feed.read', upstream: name, changes: page.changes.length })
        if (!page.hasMore || page.cursor === at.cursor) return 'done'
        at = { ...at, cursor: page.cursor }
      }
      return 'left'

      async function applyPart(part: Change[], move?: { from: number; to: number }): Promise<void> {
        const applied = await inTransaction(app.sql, async (tx) => {
          const applied = part.length > 0 ? await app.provisioner.applyIn(tx, part) : []
          // Whoever took over meanwhile reads the same page: its reading counts.
          if (move && !(await moveCursor(tx, name, worker, claimed, move)))
            throw new Error('The lease has passed on, or the subscription was replaced.')
          return applied
        })
        app.provisioner.report(applied.filter(({ hadEffect }) => hadEffect))
      }
    }

    /** Several records with one address, in these news or one of them here already: nobody is guessed. */
    async function withoutTwins(name: string, changes: Change[]): Promise<Change[]> {
      const { single, rivals } = splitTwins(changes)
      const told = single.map(({ externalId }) => externalId)
      const holders = await findHolders(app.sql, name, single.flatMap(addressOf), told)
      const isTwin = (change: Change) => addressOf(change).some((email) => holders.has(email))
      const records = [...rivals.flat(), ...single.filter(isTwin)].map(({ externalId }) => externalId)
      if (records.length > 0) app.log.warn({ event: 'feed.ambiguous', records })
      return single.filter((change) => !isTwin(change))
    }

    /** What happened without a subscription is in no news: the first reading has a complete listing made. */
    async function replace(name: string, feed: Feed, lost: StoredFeed, { id }: Subscription): Promise<void> {
      app.log.warn({ event: 'feed.lost', upstream: name })
      // One that is lost as soon as it is made must not be made every moment.
      rest(name)
      await feed.unsubscribe(id)
      const fresh = await feed.subscribe(`${url}${feed.path}`)
      // Somebody may have ended it, or begun anew, meanwhile.
      if (await replaceFeed(app.sql, name, lost, toStored(key, name, fresh)))
        app.log.info({ event: 'feed.subscribed', upstream: name })
      else await feed.unsubscribe(fresh.id)
    }

    function workOnAll(): void {
      for (const upstream of app.upstreams) {
        const turn = work(upstream)
          .catch((error: unknown) => {
            app.log.warn({ event: 'feed.failed', upstream: upstream.name, err: toLoggable(error) })
          })
          .finally(() => turns.delete(turn))
        turns.add(turn)
      }
    }

    function wake(): void {
      gathering ??= setTimeout(() => {
        gathering = undefined
        // What a reading that is under way has missed is read right after it.
        if (isBusy.size > 0) wake()
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
      clearInterval(tick)
      clearTimeout(gathering)
      await Promise.race([Promise.all(turns), sleep(3000, undefined, { ref: false })])
      for (const { name, feed } of app.upstreams)
        if (feed) await releaseFeed(app.sql, name, worker).catch(() => {})
    })

    /** What was sealed under another secret opens for nobody: its worker says so in the log. */
    function open(upstream: string, stored: StoredFeed): Subscription {
      try {
        return toSubscription(key, upstream, stored)
      } catch (cause) {
        throw new FirstloginError('FL_SIGNATURE_INVALID', { cause })
      }
    }

    async function endFormer(upstream: string, feed: Feed, former: StoredFeed): Promise<void> {
      try {
        await feed.unsubscribe(toSubscription(key, upstream, former).id)
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
        await saveFeed(app.sql, upstream, toStored(key, upstream, await feed.subscribe(`${url}${feed.path}`)))
      },
      async unsubscribe(upstream) {
        const stored = await findFeed(app.sql, upstream)
        if (!stored) return false
        const { id } = toSubscription(key, upstream, stored)
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
