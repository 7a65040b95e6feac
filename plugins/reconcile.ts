import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { uuidv7 } from 'uuidv7'
import {
  claimListing,
  countListed,
  type Listing,
  type MissedRecord,
  prolongListing,
  releaseListing,
  saveProgress,
} from '../db/listings.ts'
import { FirstloginError } from '../errors.ts'
import type { Directory, UnusableRecord } from '../upstreams/upstream.ts'
import { type Settling, settleMissed } from './reconcile/missed.ts'
import { patiently } from './reconcile/patience.ts'
import { type Walk, walkPages } from './reconcile/walk.ts'

declare module 'fastify' {
  interface FastifyInstance {
    reconcile: Reconcile
  }
}

export interface ReconcileOptions {
  /** Disables any number of people. */
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
  /** Records that changed a user, those that created one included. */
  changed: number
  created: number
  /** How many people were known before: where it will end, roughly. */
  known: number
  /** Upstream gives no answer and is asked again in a moment. */
  isWaiting?: boolean
}

export interface ReconcileReport extends ReconcileProgress {
  /** Who is in no listing any more. */
  vanished: MissedRecord[]
  /** How many memberships are in no listing any more. */
  endedMemberships: number
  /** People whom the listing has disabled, those in no listing any more included. */
  disabled: number
  /** Records whose status was not applied, because too many people would have been disabled. */
  withheld: string[]
  /** Records that cannot be used, or not in full, as far as this run has read them. */
  unusable: UnusableRecord[]
  /** Too many would have been disabled: some or all of them were not. */
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
type Run = Walk & Settling & { known: number; withheld: string[]; unusable: UnusableRecord[] }

const heartbeatMs = 4_000

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
        const own = prepare({ ...options, directory, worker, known })
        const walked = await walkPages(app, claimed, own)
        const missed = await settleMissed(app, walked, own)
        const { people, memberships, rekeyed } = missed
        const isRefused = missed.isRefused || walked.withheld > 0
        const over = await own.save(app.sql, {
          ...walked,
          changed: walked.changed + rekeyed,
          state: isRefused ? 'refused' : 'complete',
          vanished: people.length,
          disabled: walked.disabled + (missed.isRefused ? 0 : people.length),
        })
        const report: ReconcileReport = {
          ...toProgress(over, known),
          vanished: people,
          endedMemberships: memberships.length,
          disabled: over.disabled,
          withheld: own.withheld,
          unusable: own.unusable,
          isRefused,
        }
        const { vanished, withheld: _, unusable, ...figures } = report
        app.log[report.isRefused ? 'error' : 'info']({
          event: 'reconcile.finished',
          ...figures,
          vanished: vanished.length,
          withheld: over.withheld,
          unusable: unusable.length,
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

    function prepare(own: ReconcileOptions & { directory: Directory; worker: string; known: number }): Run {
      const { directory, worker, known, onProgress, force = false, signal, patienceMs = 600_000 } = own
      const withheld: string[] = []
      const unusable: UnusableRecord[] = []
      return {
        directory,
        known,
        force,
        mostDisabled: force ? Number.POSITIVE_INFINITY : mostDisabledOf(known),
        withheld,
        unusable,
        onWithheld: (externalIds) => void withheld.push(...externalIds),
        onUnusable: (records) => void unusable.push(...records),
        signal,
        ask(call, at) {
          const onWait = () => onProgress?.({ ...toProgress(at, known), isWaiting: true })
          return patiently(call, { signal, patienceMs, onWait })
        },
        async save(sql, listing) {
          const saved = await saveProgress(sql, listing, worker)
          // The lease has passed to another instance, which does the same: this one stops.
          if (!saved) throw new FirstloginError('FL_RECONCILE_BUSY')
          return saved
        },
        onPage: (at) => onProgress?.(toProgress(at, known)),
      }
    }

    app.decorate('reconcile', { run } satisfies Reconcile)
  },
  {
    name: 'firstlogin-reconcile',
    fastify: '5.x',
    dependencies: ['firstlogin-db', 'firstlogin-upstreams', 'firstlogin-provisioner'],
  },
)

function toProgress({ upstream, pages, seen, changed, created }: Listing, known: number): ReconcileProgress {
  return { upstream, pages, seen, changed, created, known }
}

/** Of so many people a run disables a tenth, or two where that is more, and never all of several. */
export function mostDisabledOf(known: number): number {
  const most = Math.max(2, Math.floor(known / 10))
  return known > 1 ? Math.min(most, known - 1) : most
}
