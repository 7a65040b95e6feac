import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { findUserByEmail, findUserByIdentity, type StoredUser } from '../db/users.ts'
import type { UserUpserted } from '../domain/change.ts'
import { type CanonicalEmail, canonicalEmail } from '../domain/email.ts'
import { splitTwins } from '../domain/twins.ts'
import { toLoggable } from '../errors.ts'
import type { BackgroundBatches } from './background/batches.ts'
import { createLookupQueue, type Key, type LookupQueue } from './read-through/lookup-queue.ts'
import { createRechecks } from './read-through/rechecks.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readThrough: ReadThrough
  }
}

/** Postgres first, then whoever may know the person; what they say is written before the answer. */
export interface ReadThrough {
  /**
   * Undefined when nobody knows the address. Whoever is known, but not enough, is asked for upstream all the same, and
   * answered as known then. Throws FL_EMAIL_INVALID, and FL_UPSTREAM_UNAVAILABLE when somebody could not be asked and
   * the others did not know enough.
   */
  byEmail(email: string, isEnough?: (user: StoredUser) => boolean): Promise<StoredUser | undefined>
  byIdentity(upstream: string, externalId: string): Promise<StoredUser | undefined>
  /** For a known person's failed login: takes as long, and fails as, a stranger's would. */
  pretend(email: CanonicalEmail): Promise<void>
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
}

interface Source {
  queue: LookupQueue
  rechecks: BackgroundBatches
}

export default fp<ReadThroughOptions>(
  async function readThroughPlugin(app, options) {
    const { enabled, deadlineMs, recheckS } = options
    const sources = new Map<string, Source>()
    const cache = { max: 50_000, ttl: Math.max(1, options.negativeTtlS * 1000) }
    /** Addresses that nobody upstream knew. */
    const unknown = new LRUCache<string, true>(cache)
    /** Addresses that were asked for, known or not: a second failed login is quick for everybody. */
    const asked = new LRUCache<string, true>(cache)

    // Whatever is written of an address, here or elsewhere, ends what was remembered of it.
    app.notices.subscribe((notice) => {
      for (const cached of [unknown, asked]) {
        if (notice === undefined) cached.clear()
        else if ('userId' in notice && notice.email) cached.delete(notice.email)
      }
    })

    for (const { name, gate, lookup } of enabled ? app.upstreams : []) {
      if (!lookup) continue
      const onError = (error: unknown) =>
        app.log.warn({ event: 'readthrough.failed', upstream: name, err: toLoggable(error) })
      const queue = createLookupQueue({ lookup, deadlineMs, settle: provision, onLate: onError })
      const rechecks = createRechecks({
        sql: app.sql,
        upstream: name,
        gate,
        lookup,
        settle: provision,
        onError,
      })
      sources.set(name, { queue, rechecks })
    }
    app.addHook('onClose', async () => {
      for (const { rechecks } of sources.values()) rechecks.close()
    })

    /** Two records for one address: nobody is guessed. */
    async function provision(found: UserUpserted[]): Promise<void> {
      const { single, rivals } = splitTwins(found)
      for (const group of rivals) app.log.warn({ event: 'readthrough.ambiguous', records: group.map(nameOf) })
      if (single.length > 0) await app.provisioner.apply(single)
    }

    /** Resolves to why somebody could not be asked, if so. */
    async function ask(names: string[], key: Key): Promise<Error | undefined> {
      app.metrics.readThroughAttempts.inc()
      const asking = names.flatMap((name) => sources.get(name)?.queue.ask(key) ?? [])
      const results = await Promise.allSettled(asking)
      const fault: unknown = results.find((result) => result.status === 'rejected')?.reason
      return fault instanceof Error ? fault : undefined
    }

    /** While an upstream is in trouble, or news may be missed, nobody is answered on old evidence. */
    function mayAnswerFrom(cached: LRUCache<string, true>, email: string): boolean {
      if (!app.notices.isLive) return false
      return cached.has(email) && ![...sources.values()].some(({ queue }) => queue.isTroubled)
    }

    async function through(
      find: () => Promise<StoredUser | undefined>,
      names: string[],
      key: Key,
      isEnough: (user: StoredUser) => boolean = () => true,
    ): Promise<StoredUser | undefined> {
      const known = await find()
      if (known) {
        app.log.info({ event: 'readthrough.hit', userId: known.id })
        recheck(known)
        if (isEnough(known)) return known
      }
      if (names.length === 0) return known
      const email = 'email' in key ? key.email : undefined
      if (email && mayAnswerFrom(known ? asked : unknown, email)) return known
      const fault = await ask(names, key)
      if (email && !fault) asked.set(email, true)
      const found = await find()
      if (fault && !(found && isEnough(found))) {
        app.log.warn({ event: 'readthrough.unavailable', upstreams: names })
        throw fault
      }
      if (!found) {
        if (email) unknown.set(email, true)
        app.log.info({ event: 'readthrough.miss', upstreams: names })
        return undefined
      }
      if (known) return found
      app.metrics.readThroughSuccess.inc()
      app.log.info({ event: 'readthrough.provisioned', userId: found.id, upstream: found.sight?.upstream })
      return found
    }

    function recheck({ sight }: StoredUser): void {
      if (!sight || recheckS === 0) return
      if (Date.now() - sight.checkedAt < recheckS * 1000) return
      sources.get(sight.upstream)?.rechecks.add(sight.externalId)
    }

    app.decorate('readThrough', {
      async byEmail(raw, isEnough) {
        const email = canonicalEmail(raw)
        return through(() => findUserByEmail(app.sql, email), [...sources.keys()], { email }, isEnough)
      },
      byIdentity: (upstream, externalId) =>
        through(
          () => findUserByIdentity(app.sql, upstream, externalId),
          sources.has(upstream) ? [upstream] : [],
          { externalId },
        ),
      async pretend(email) {
        if (mayAnswerFrom(asked, email)) return
        await Promise.all([...sources.values()].map(({ queue }) => queue.pretend({ email })))
        asked.set(email, true)
      },
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

function nameOf({ upstream, externalId }: UserUpserted): string {
  return `${upstream}:${externalId}`
}
