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
import type { Change, UserUpserted } from '../domain/change.ts'
import { type CanonicalEmail, toCanonicalEmail } from '../domain/email.ts'
import { splitTwins } from '../domain/twins.ts'
import { FirstloginError } from '../errors.ts'
import type { Directory } from '../upstreams/upstream.ts'

declare module 'fastify' {
  interface FastifyInstance {
    reconcile: Reconcile
  }
}

export interface ReconcileOptions {
  /** Disables vanished people even where they are more than a tenth of all. */
  force?: boolean
  /** Called after every page. */
  onProgress?: (progress: ReconcileProgress) => void
  /** Stops between two pages; whoever comes next goes on from there. */
  signal?: AbortSignal
}

export interface ReconcileProgress {
  upstream: string
  pages: number
  seen: number
  changed: number
  /** How many people were known before: where it will end, roughly. */
  known: number
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
   * whom the complete listing does not have are disabled. Throws FL_RECONCILE_BUSY while another instance is at it,
   * FL_UPSTREAM_UNAVAILABLE after ten minutes without an answer.
   */
  run(upstream: string, options?: ReconcileOptions): Promise<ReconcileReport>
}

/** Of all people, as one part in so many, at most this many vanish in a night. */
const largestShare = 10
const patienceMs = 600_000
const heartbeatMs = 4_000
/** Longer than a dead worker's lease. */
const takeoverMs = 20_000

export default fp(
  async function reconcilePlugin(app) {
    const worker = uuidv7()

    async function run(upstream: string, options: ReconcileOptions = {}): Promise<ReconcileReport> {
      const directory = app.upstreams.find(({ name }) => name === upstream)?.directory
      if (!directory) throw new FirstloginError('FL_UPSTREAM_UNLISTED')
      const claimed = await claim(upstream)
      app.log.info({ event: 'reconcile.started', upstream, pages: claimed.pages })
      const heartbeat = setInterval(() => {
        prolongListing(app.sql, claimed.id, worker).catch(() => {})
      }, heartbeatMs)
      try {
        const known = await countListed(app.sql, upstream)
        const walked = await walk(claimed, directory, known, options)
        const report = await settleMissed(walked, directory, known, options.force ?? false)
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

    /** Waits for a moment, in case that whoever was at it has just died. */
    async function claim(upstream: string): Promise<Listing> {
      for (const giveUpAt = Date.now() + takeoverMs; ; await sleep(1000)) {
        const listing = await claimListing(app.sql, { id: uuidv7(), upstream, now: new Date() }, worker)
        if (listing) return listing
        if (Date.now() > giveUpAt) throw new FirstloginError('FL_RECONCILE_BUSY')
      }
    }

    async function walk(
      listing: Listing,
      directory: Directory,
      known: number,
      { onProgress, signal }: ReconcileOptions,
    ): Promise<Listing> {
      for (let at = listing; ; ) {
        signal?.throwIfAborted()
        const page = await patiently(() => directory.readPage(at.nextPage ?? undefined), signal)
        if (page === 'expired') {
          app.log.warn({ event: 'reconcile.restarted', upstream: at.upstream, pages: at.pages })
          at = await save({ ...at, startedAt: new Date(), nextPage: null, pages: 0, seen: 0 })
          continue
        }
        at = await app.sql.begin(async (tx) => {
          const news = await withoutTwins(tx, at, page.changes)
          const applied = news.length > 0 ? await app.provisioner.applyIn(tx, news) : []
          const changed = applied.filter(({ isVisible }) => isVisible)
          app.provisioner.report(changed)
          const { next = null, size } = page
          return mustHold(
            await saveProgress(
              tx,
              {
                ...at,
                nextPage: next,
                pages: at.pages + 1,
                seen: at.seen + size,
                changed: at.changed + changed.length,
              },
              worker,
            ),
          )
        })
        onProgress?.(toProgress(at, known))
        if (page.next === undefined) return at
      }
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
    async function settleMissed(
      listing: Listing,
      directory: Directory,
      known: number,
      force: boolean,
    ): Promise<ReconcileReport> {
      const { id, upstream, startedAt } = listing
      const missed = await findMissed(app.sql, upstream, startedAt)
      const askedAt = Date.now()
      const existing = await patiently(() =>
        directory.findExisting(missed.map(({ externalId }) => externalId)),
      )
      const vanished = missed.filter(({ externalId }) => !existing.includes(externalId))
      const isRefused = !force && vanished.length * largestShare > known
      if (!isRefused) {
        const stamp = { at: askedAt, event: `reconcile ${id}` }
        const changes = vanished.map(
          ({ externalId }): Change => ({ type: 'user.vanished', upstream, externalId, stamp }),
        )
        for (let from = 0; from < changes.length; from += 100)
          await app.provisioner.apply(changes.slice(from, from + 100))
      }
      await save({ ...listing, state: isRefused ? 'refused' : 'complete', vanished: vanished.length })
      return { ...toProgress(listing, known), vanished, isRefused }
    }

    async function save(listing: Listing): Promise<Listing> {
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

/** Upstream may be away for a while in the middle of a long walk. */
async function patiently<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (const giveUpAt = Date.now() + patienceMs; ; ) {
    try {
      return await ask()
    } catch (error) {
      const isPassing = error instanceof FirstloginError && error.code === 'FL_UPSTREAM_UNAVAILABLE'
      if (!isPassing || Date.now() > giveUpAt) throw error
      await sleep(Math.max(1000, (error.retryAfterS ?? 1) * 1000), undefined, signal ? { signal } : {})
    }
  }
}

/** The lease has passed to another instance, which does the same: this one stops. */
function mustHold(listing: Listing | undefined): Listing {
  if (!listing) throw new FirstloginError('FL_RECONCILE_BUSY')
  return listing
}

function addressOf({ fields }: UserUpserted): CanonicalEmail[] {
  const email = toCanonicalEmail(fields.email ?? '')
  return email ? [email] : []
}

function toProgress({ upstream, pages, seen, changed }: Listing, known: number): ReconcileProgress {
  return { upstream, pages, seen, changed, known }
}
