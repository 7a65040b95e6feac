import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import type { TransactionSql } from 'postgres'
import { uuidv7 } from 'uuidv7'
import {
  claimListing,
  countListed,
  findMissed,
  findTaken,
  type Listing,
  type MissedRecord,
  prolongListing,
  releaseListing,
  saveProgress,
} from '../db/listings.ts'
import { inTransaction } from '../db/transaction.ts'
import type { Change, UserUpserted } from '../domain/change.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { addressOf, splitTwins } from '../domain/twins.ts'
import { FirstloginError } from '../errors.ts'
import type { Directory, DirectoryPage } from '../upstreams/upstream.ts'
import { type Patience, patiently } from './reconcile/patience.ts'

declare module 'fastify' {
  interface FastifyInstance {
    reconcile: Reconcile
  }
}

export interface ReconcileOptions {
  /** Disables vanished people even where they are more than a tenth of all. */
  force?: boolean
  /** Called after every page, and whenever upstream is waited for. */
  onProgress?: (progress: ReconcileProgress) => void
  /** Stops at once; whoever comes next goes on from there. */
  signal?: AbortSignal
  /** How long to wait for whoever is at it already. Default 20 s: the lease of a dead one is over by then. */
  turnMs?: number
  /** How long to wait for an upstream that is away. Default ten minutes. */
  patienceMs?: number
}

export interface ReconcileProgress {
  upstream: string
  pages: number
  seen: number
  changed: number
  /** How many people were known before: where it will end, roughly. */
  known: number
  /** Upstream gives no answer and is asked again in a moment. */
  isWaiting?: boolean
}

export interface ReconcileReport extends ReconcileProgress {
  /** Who is in no listing any more. */
  vanished: MissedRecord[]
  /** They were too many, and none was disabled. */
  isRefused: boolean
}

/** Compares everybody upstream with everybody here. */
export interface Reconcile {
  /**
   * Walks the whole listing of one upstream, or what an interrupted walk left of it, and applies what differs. Those
   * whom the complete listing does not have are disabled. Throws FL_RECONCILE_BUSY while somebody else is at it,
   * FL_UPSTREAM_UNAVAILABLE when upstream stays away, and what the signal aborts with.
   */
  run(upstream: string, options?: ReconcileOptions): Promise<ReconcileReport>
}

/** What one run works with. */
interface Run extends ReconcileOptions {
  directory: Directory
  worker: string
  known: number
}

/** Of all people, as one part in so many, at most this many vanish in a night. */
const largestShare = 10
const heartbeatMs = 4_000
/** What was listed longer ago is listed again before anybody is missed. */
const staleMs = 3_600_000
/** An upstream that forgets every listing is not asked for ever. */
const mostRestarts = 3

export default fp(
  async function reconcilePlugin(app) {
    async function run(upstream: string, options: ReconcileOptions = {}): Promise<ReconcileReport> {
      const directory = app.upstreams.find(({ name }) => name === upstream)?.directory
      if (!directory) throw new FirstloginError('FL_UPSTREAM_UNLISTED')
      const worker = uuidv7()
      const claimed = await claim(upstream, worker, options)
      app.log.info({ event: 'reconcile.started', upstream, pages: claimed.pages })
      const heartbeat = setInterval(() => {
        prolongListing(app.sql, claimed.id, worker).catch(() => {})
      }, heartbeatMs)
      try {
        const known = await countListed(app.sql, upstream)
        const own = { ...options, directory, worker, known }
        const report = await settleMissed(await walk(claimed, own), own)
        const { vanished, ...figures } = report
        app.log[report.isRefused ? 'error' : 'info']({
          event: 'reconcile.finished',
          ...figures,
          vanished: vanished.length,
        })
        return report
      } finally {
        clearInterval(heartbeat)
        await releaseListing(app.sql, claimed.id, worker).catch(() => {})
      }
    }

    async function claim(
      upstream: string,
      worker: string,
      { turnMs = 20_000, signal }: ReconcileOptions,
    ): Promise<Listing> {
      for (const giveUpAt = Date.now() + turnMs; ; await sleep(1000, undefined, signal && { signal })) {
        signal?.throwIfAborted()
        const listing = await claimListing(app.sql, { id: uuidv7(), upstream, now: new Date() }, worker)
        if (listing) return listing
        if (Date.now() >= giveUpAt) throw new FirstloginError('FL_RECONCILE_BUSY')
      }
    }

    async function walk(listing: Listing, own: Run): Promise<Listing> {
      const { directory, known, onProgress } = own
      let at = listing
      for (let restarts = 0; ; ) {
        if (isWalked(at) && Date.now() - at.startedAt.getTime() < staleMs) return at
        const from = at.nextPage ?? undefined
        const page = isWalked(at)
          ? 'expired'
          : await patiently(() => directory.readPage(from), toPatience(at, own))
        if (page === 'expired') {
          if (restarts++ === mostRestarts) throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE')
          app.log.warn({ event: 'reconcile.restarted', upstream: at.upstream, pages: at.pages })
          at = await save({ ...at, startedAt: new Date(), nextPage: null, pages: 0, seen: 0 }, own)
          continue
        }
        at = await takePage(at, page, own)
        onProgress?.(toProgress(at, known))
      }
    }

    /** What differs and how far the walk has come are kept together or not at all. */
    async function takePage(at: Listing, { changes, size, next }: DirectoryPage, own: Run): Promise<Listing> {
      const [listing, changed] = await inTransaction(app.sql, async (tx) => {
        const news = await withoutTwins(tx, at, changes)
        const applied = news.length > 0 ? await app.provisioner.applyIn(tx, news) : []
        const visible = applied.filter(({ isVisible }) => isVisible)
        const moved = {
          ...at,
          nextPage: next ?? null,
          pages: at.pages + 1,
          seen: at.seen + size,
          changed: at.changed + visible.length,
        }
        return [mustHold(await saveProgress(tx, moved, own.worker)), visible] as const
      })
      app.provisioner.report(changed)
      return listing
    }

    /** Several records with one address, on this page or on one before: nobody is guessed. */
    async function withoutTwins(
      tx: TransactionSql,
      at: Listing,
      changes: UserUpserted[],
    ): Promise<UserUpserted[]> {
      const { single, rivals } = splitTwins(changes)
      const taken = await findTaken(tx, at.upstream, at.startedAt, single.flatMap(addressOf))
      const isTwin = (change: UserUpserted) => {
        const holder = taken.get(toCanonicalEmail(change.fields.email ?? ''))
        return holder !== undefined && holder !== change.externalId
      }
      const records = [...rivals.flat(), ...single.filter(isTwin)].map(({ externalId }) => externalId)
      if (records.length > 0) app.log.warn({ event: 'reconcile.ambiguous', records })
      return single.filter((change) => !isTwin(change))
    }

    /** Only a complete listing says who is gone, and those it misses are asked for once more by id. */
    async function settleMissed(listing: Listing, own: Run): Promise<ReconcileReport> {
      const { id, upstream, startedAt } = listing
      const { directory, known, force = false, signal } = own
      const missed = await findMissed(app.sql, upstream, startedAt)
      const askedAt = Date.now()
      const ids = missed.map(({ externalId }) => externalId)
      const existing = new Set(await patiently(() => directory.findExisting(ids), toPatience(listing, own)))
      const vanished = missed.filter(({ externalId }) => !existing.has(externalId))
      const isRefused = !force && vanished.length * largestShare > known
      if (!isRefused) {
        const stamp = { at: askedAt, event: `reconcile ${id}` }
        const changes = vanished.map(
          ({ externalId }): Change => ({ type: 'user.vanished', upstream, externalId, stamp }),
        )
        for (let from = 0; from < changes.length; from += 100) {
          signal?.throwIfAborted()
          await app.provisioner.apply(changes.slice(from, from + 100))
        }
      }
      const state = isRefused ? 'refused' : 'complete'
      const over = await save({ ...listing, state, vanished: vanished.length }, own)
      return { ...toProgress(over, known), vanished, isRefused }
    }

    async function save(listing: Listing, { worker }: Run): Promise<Listing> {
      return mustHold(await saveProgress(app.sql, listing, worker))
    }

    app.decorate('reconcile', { run } satisfies Reconcile)
  },
  {
    name: 'firstlogin-reconcile',
    fastify: '5.x',
    dependencies: ['firstlogin-db', 'firstlogin-upstreams', 'firstlogin-provisioner'],
  },
)

function toPatience(at: Listing, { signal, patienceMs = 600_000, onProgress, known }: Run): Patience {
  return {
    signal,
    patienceMs,
    onWait: () => onProgress?.({ ...toProgress(at, known), isWaiting: true }),
  }
}

/** All pages were read, and nobody has looked yet who was on none of them. */
function isWalked({ nextPage, pages }: Listing): boolean {
  return nextPage === null && pages > 0
}

/** The lease has passed to another instance, which does the same: this one stops. */
function mustHold(listing: Listing | undefined): Listing {
  if (!listing) throw new FirstloginError('FL_RECONCILE_BUSY')
  return listing
}

function toProgress({ upstream, pages, seen, changed }: Listing, known: number): ReconcileProgress {
  return { upstream, pages, seen, changed, known }
}
