import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { splitOffTwins } from '../db/twins.ts'
import { findUserByEmail, findUserByIdentity, type StoredUser } from '../db/users.ts'
import type { UserUpserted } from '../domain/change.ts'
import { type Clock, monotonicClock } from '../domain/clock.ts'
import { canonicalEmail, toCanonicalEmail } from '../domain/email.ts'
import { toLoggable } from '../errors.ts'
import type { LoginLookup, PasswordSignInParts } from '../sign-in/password.ts'
import type { Lookup } from '../upstreams/upstream.ts'
import type { BackgroundBatches } from './background/batches.ts'
import { createAskedLately } from './read-through/asked-lately.ts'
import { askByIds, settleMissing } from './read-through/holders.ts'
import { createLookupQueue, type Ended, type Key, type LookupQueue } from './read-through/lookup-queue.ts'
import { createRechecks } from './read-through/rechecks.ts'
import type { RequestLines } from './request-log/lines.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readThrough: ReadThrough
  }
}

/** Postgres first, then whoever may know the person; what they say is written before the answer. */
export interface ReadThrough {
  /**
   * Undefined when nobody knows the address. Throws FL_EMAIL_INVALID, and FL_UPSTREAM_UNAVAILABLE when an upstream could
   * not be asked and the others do not know the address.
   */
  byEmail(email: string, log?: RequestLines): Promise<StoredUser | undefined>
  byIdentity(upstream: string, externalId: string, log?: RequestLines): Promise<StoredUser | undefined>
  /**
   * For a login: enters the queues of all upstreams before it returns. Whether one is really asked (the address is
   * unknown, or its user has no password hash) is found out meanwhile, and does not show in the time that it takes.
   */
  lookUp: PasswordSignInParts<unknown>['lookUp']
  /** Has a person looked at again behind the answer if their last sight upstream is too long ago. */
  recheck(user: StoredUser): void
}

export interface ReadThroughOptions {
  /** The kill switch: false leaves Postgres alone. */
  enabled: boolean
  deadlineMs: number
  negativeTtlS: number
  /** 0: never. */
  recheckS: number
  /** Of the queues, and of the moments at which look-ups end. */
  clock?: Clock
  random?: () => number
}

interface Source {
  queue: LookupQueue
  rechecks: BackgroundBatches
}

export default fp<ReadThroughOptions>(
  async function readThroughPlugin(app, options) {
    const { enabled, deadlineMs, recheckS, clock = monotonicClock } = options
    const sources = new Map<string, Source>()
    /** Of the requests that wait for an address: what is written for it is logged to the latest. */
    const logs = new LRUCache<string, Pick<RequestLines, 'info' | 'warn'>>({ max: 5_000 })
    const lately = createAskedLately(options.negativeTtlS * 1000)

    // A change of an address, here or elsewhere, ends what the upstreams said before.
    app.notices.subscribe((notice) => {
      if (notice === undefined) lately.clear()
      else if ('userId' in notice && notice.email && !notice.isLookup) lately.forget(notice.email)
    })

    for (const { name, gate, limits, lookup, returnPermit } of enabled ? app.upstreams : []) {
      if (!lookup) continue
      const onError = (error: unknown) =>
        app.log.warn({ event: 'readthrough.failed', upstream: name, err: toLoggable(error) })
      const queue = createLookupQueue({
        lookup,
        deadlineMs,
        spacingMs: limits.windowMs / limits.calls,
        settle: (found) => settleFound(name, lookup, found),
        returnPermit,
        onLate: onError,
        clock,
        ...(options.random && { random: options.random }),
      })
      const rechecks = createRechecks({
        app,
        upstream: name,
        gate,
        lookup,
        settle: async (found) => void (await provision(name, found)),
        onError,
      })
      sources.set(name, { queue, rechecks })
    }
    app.addHook('onClose', async () => {
      for (const { rechecks } of sources.values()) rechecks.close()
    })

    // An event has brought a second record with an address: the first is asked for, and gives way if it is gone.
    app.provisioner.onDuplicate(({ upstream, externalId }) => sources.get(upstream)?.rechecks.add(externalId))

    /** Of several new records with one address none is chosen. Answers the ids of those of which there are duplicates. */
    async function provision(
      upstream: string,
      found: UserUpserted[],
      cause: { isLookup?: true } = {},
    ): Promise<string[]> {
      const toLog = (user?: UserUpserted) => logs.get(toCanonicalEmail(user?.fields.email ?? '') ?? '')
      const { usable, ambiguous } = await splitOffTwins(app.sql, upstream, found)
      if (ambiguous.length > 0) {
        const records = ambiguous.map((externalId) => `${upstream}:${externalId}`)
        const asked = found.find(({ externalId }) => ambiguous.includes(externalId))
        const log = toLog(asked) ?? app.log
        log.warn({ event: 'readthrough.ambiguous', records })
      }
      const applied =
        usable.length > 0 ? await app.provisioner.apply(usable, cause, (index) => toLog(usable[index])) : []
      return applied.flatMap(({ duplicateOf }) => duplicateOf ?? [])
    }

    /** Where another record has the address already, it is asked for by its id, and gives way if it is gone or moved. */
    async function settleFound(upstream: string, lookup: Lookup, found: UserUpserted[]): Promise<void> {
      const holders = new Set(await provision(upstream, found, { isLookup: true }))
      for (const { externalId } of found) holders.delete(externalId)
      if (holders.size === 0) return
      const asked = await askByIds(lookup, [...holders])
      await provision(upstream, asked.found, { isLookup: true })
      await settleMissing(app, upstream, asked)
    }

    /** While an upstream is in trouble, or changes may be missed, memory counts for no address. */
    function isMemoryUsable(): boolean {
      return app.notices.isLive && ![...sources.values()].some(({ queue }) => queue.isTroubled)
    }

    const lookUp: ReadThrough['lookUp'] = ({ email, network, log }) => {
      const arrivedAt = clock.now()
      const isUsable = isMemoryUsable()
      const isQuick = isUsable && lately.isQuick(email, network)
      const isAsked = isUsable && lately.isAsked(email)
      const asking = lately.begin(email)
      const join = (needsAnswer: Promise<boolean>) =>
        [...sources.values()].map(({ queue }) => queue.join({ email }, { network, needsAnswer }))

      const stored = findUserByEmail(app.sql, email)
      const needsAnswer = stored.then(
        (user) => !user?.passwordHash && !isAsked,
        () => false,
      )
      const tickets = isQuick ? [] : join(needsAnswer)
      logs.set(email, log)
      let ended: Promise<Ended> | undefined
      let last: Ended | undefined

      async function wait(): Promise<Ended> {
        const needs = await needsAnswer
        if (needs) app.metrics.readThroughAttempts.inc()
        // An address whose user has changed since is asked for again; that does not count as time of the upstream.
        const all = isQuick && needs ? join(Promise.resolve(true)) : tickets
        const each = await Promise.all(all.map((ticket) => ticket.wait()))
        const fault = each.find((one) => one.fault)?.fault
        const at = isQuick ? arrivedAt : Math.max(arrivedAt, ...each.map((one) => one.at))
        const wasAsked = each.length > 0 && each.every((one) => one.wasAsked)
        if (!fault) return { at, wasAsked }
        log.warn({ event: 'readthrough.unavailable', upstreams: [...sources.keys()] })
        return { at, wasAsked, fault }
      }

      async function find(): Promise<StoredUser | undefined> {
        const [known, found] = [await stored, await findUserByEmail(app.sql, email)]
        if (!found) log.info({ event: 'readthrough.miss', upstreams: [...sources.keys()] })
        else if (!known) noteProvisioned(found, log)
        return found
      }

      function forgetLog(): void {
        if (logs.get(email) === log) logs.delete(email)
      }

      stored.then(
        (user) => user && log.info({ event: 'readthrough.hit', userId: user.id }),
        () => {},
      )
      return {
        stored,
        wait: () => (ended ??= wait().then((how) => (last = how))).finally(forgetLog),
        find,
        remember() {
          if (last && !last.fault) asking.end({ wasAsked: last.wasAsked, ...(!isQuick && { network }) })
        },
        leave() {
          forgetLog()
          for (const ticket of tickets) ticket.leave()
          asking.drop()
        },
      } satisfies LoginLookup
    }

    function noteProvisioned(found: StoredUser, log: { info(line: object): void }): void {
      app.metrics.readThroughSuccess.inc()
      log.info({ event: 'readthrough.provisioned', userId: found.id, upstream: found.sight?.upstream })
    }

    async function through(
      find: () => Promise<StoredUser | undefined>,
      names: string[],
      key: Key,
      log: RequestLines = app.log,
    ): Promise<StoredUser | undefined> {
      const known = await find()
      if (known) {
        log.info({ event: 'readthrough.hit', userId: known.id })
        recheck(known)
        return known
      }
      const email = 'email' in key ? key.email : undefined
      if (names.length === 0 || (email && isMemoryUsable() && lately.isAsked(email))) return undefined
      const asking = email && lately.begin(email)
      app.metrics.readThroughAttempts.inc()
      const needsAnswer = Promise.resolve(true)
      const tickets = names.flatMap((name) => sources.get(name)?.queue.join(key, { needsAnswer }) ?? [])
      if (email) logs.set(email, log)
      const fault = (await Promise.all(tickets.map((ticket) => ticket.wait()))).find(
        (one) => one.fault,
      )?.fault
      if (email && logs.get(email) === log) logs.delete(email)
      if (fault) asking?.drop()
      else asking?.end({ wasAsked: true })
      const found = await find()
      if (found) noteProvisioned(found, log)
      else if (!fault) log.info({ event: 'readthrough.miss', upstreams: names })
      if (found || !fault) return found
      log.warn({ event: 'readthrough.unavailable', upstreams: names })
      throw fault
    }

    function recheck({ sight }: StoredUser): void {
      if (!sight || recheckS === 0) return
      if (Date.now() - sight.checkedAt < recheckS * 1000) return
      sources.get(sight.upstream)?.rechecks.add(sight.externalId)
    }

    app.decorate('readThrough', {
      async byEmail(raw, log) {
        const email = canonicalEmail(raw)
        return through(() => findUserByEmail(app.sql, email), [...sources.keys()], { email }, log)
      },
      byIdentity: (upstream, externalId, log) =>
        through(
          () => findUserByIdentity(app.sql, upstream, externalId),
          sources.has(upstream) ? [upstream] : [],
          { externalId },
          log,
        ),
      lookUp,
      recheck,
    } satisfies ReadThrough)
  },
  {
    name: 'firstlogin-read-through',
    fastify: '5.x',
    dependencies: [
      'firstlogin-db',
      'firstlogin-notices',
      'firstlogin-upstreams',
      'firstlogin-provisioner',
      'firstlogin-metrics',
    ],
  },
)
