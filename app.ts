import type { Writable } from 'node:stream'
import sensible from '@fastify/sensible'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import type { Clock } from './domain/clock.ts'
import connections from './plugins/connections.ts'
import db from './plugins/db.ts'
import docs from './plugins/docs.ts'
import drain from './plugins/drain.ts'
import emptyBodies from './plugins/empty-bodies.ts'
import feeds from './plugins/feeds.ts'
import hashQueue from './plugins/hash-queue.ts'
import housekeeping from './plugins/housekeeping.ts'
import http from './plugins/http.ts'
import identity from './plugins/identity.ts'
import inbox from './plugins/inbox.ts'
import jobs from './plugins/jobs.ts'
import keys from './plugins/keys.ts'
import loginThrottle from './plugins/login-throttle.ts'
import metrics from './plugins/metrics.ts'
import notices from './plugins/notices.ts'
import origins from './plugins/origins.ts'
import problems from './plugins/problems.ts'
import provisioner from './plugins/provisioner.ts'
import rateLimit from './plugins/rate-limit.ts'
import readThrough from './plugins/read-through.ts'
import readiness from './plugins/readiness.ts'
import reconcile from './plugins/reconcile.ts'
import requestLog from './plugins/request-log.ts'
import sessionCookies from './plugins/session-cookies.ts'
import sessions from './plugins/sessions.ts'
import signIn from './plugins/sign-in.ts'
import tokens from './plugins/tokens.ts'
import upstreams from './plugins/upstreams.ts'
import users from './plugins/users.ts'
import webhook from './plugins/webhook.ts'
import { adminRoutes } from './routes/admin.ts'
import { authRoutes } from './routes/auth.ts'
import { homeRoutes } from './routes/home.ts'
import { operationsRoutes } from './routes/operations.ts'
import { syncRoutes } from './routes/sync.ts'
import { wellKnownRoutes } from './routes/well-known.ts'
import type { HashQueueOptions } from './sign-in/hash-queue.ts'

/** For Fastify(): time limits for clients, and `earlyProblems`. */
export { serverOptions } from './plugins/connections/options.ts'
/** For Fastify(): what it refuses before any plugin sees it is answered as a problem, too. */
export { earlyProblems } from './plugins/problems/early.ts'
export { logOptions } from './plugins/request-log/options.ts'

/** A stream for the logger of an app on a terminal. */
export async function openTerminalStream(terminal: Writable) {
  // Loaded only where people read.
  const { createTerminalStream } = await import('./plugins/request-log/terminal.ts')
  return createTerminalStream(terminal)
}

export interface ServiceOptions extends Config {
  /** The app is this service and nothing else: unknown addresses are answered, and connections drained, here. */
  standalone?: boolean
  /** How password hashes are computed, and from which waiting time on a login is answered 503. */
  hashing?: HashQueueOptions
  /** When failed logins are answered is decided by these; tests hand in their own. */
  timing?: { lookups?: Clock; failures?: Clock; random?: () => number; unitMs?: () => number }
  /** Connections that are open at once, where `standalone`. Default 4096. */
  maxConnections?: number
}

/** The whole service as one encapsulated plugin: nothing of it is visible to the app that registers it. */
export default async function firstlogin(app: FastifyInstance, config: ServiceOptions): Promise<void> {
  const { FIRSTLOGIN_SECRET: secret, timing = {} } = config
  const recheckMs = config.READTHROUGH_RECHECK_S * 1000

  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  await app.register(requestLog)
  // Before problems: pages read those, too, and the route for preflights is no method of an address.
  await app.register(origins, {
    baseUrl: config.BASE_URL,
    allowed: config.ALLOWED_ORIGINS,
    allowLocal: config.isDevelopment === true,
  })
  await app.register(problems, { unknownRoutes: config.standalone === true || app.prefix !== '' })
  if (!app.hasPlugin('@fastify/sensible')) await app.register(sensible)
  if (config.standalone) await app.register(drain)
  await app.register(metrics)
  if (!config.HIDE.includes('docs')) await app.register(docs, { baseUrl: config.BASE_URL })
  if (config.standalone)
    await app.register(connections, {
      ...(config.maxConnections !== undefined && { max: config.maxConnections }),
      onEnded: (reason) => app.metrics.connectionsEnded.inc({ reason }),
    })
  await app.register(emptyBodies)
  await app.register(rateLimit, {
    redisUrl: config.REDIS_URL,
    onShared: (isShared) => app.metrics.rateLimitShared.set(isShared ? 1 : 0),
  })

  await app.register(db, { database: config.DATABASE_URL, poolSize: config.DATABASE_POOL })
  await app.register(notices)
  await app.register(readiness)
  await app.register(http)
  await app.register(provisioner, {
    ownership: config.ownership,
    rekeyWindowMs: config.REKEY_WINDOW_S * 1000,
    defaultOrganization: config.DEFAULT_ORGANIZATION ?? null,
  })
  await app.register(upstreams, {
    upstreams: config.upstreams,
    slowMs: config.READTHROUGH_DEADLINE_MS,
    isProbed: config.standalone === true && config.USER_READTHROUGH_FALLBACK_ENABLED,
  })
  await app.register(readThrough, {
    enabled: config.USER_READTHROUGH_FALLBACK_ENABLED,
    deadlineMs: config.READTHROUGH_DEADLINE_MS,
    negativeTtlS: config.READTHROUGH_NEGATIVE_TTL_S,
    recheckS: config.READTHROUGH_RECHECK_S,
    ...(timing.lookups && { clock: timing.lookups }),
    ...(timing.random && { random: timing.random }),
  })
  await app.register(sessions, { cacheTtlMs: Math.min(30_000, recheckMs || 30_000) })
  await app.register(keys, { secret })
  await app.register(tokens, {
    secret,
    issuer: config.BASE_URL,
    accessTtlS: config.ACCESS_TOKEN_TTL_S,
    refreshTtlS: config.REFRESH_TOKEN_TTL_S,
    maxAgeS: config.SESSION_MAX_AGE_S,
    graceS: config.REFRESH_GRACE_S,
  })
  await app.register(sessionCookies, { baseUrl: config.BASE_URL })
  await app.register(identity)
  await app.register(loginThrottle, { secret })
  await app.register(hashQueue, config.hashing ?? {})
  await app.register(signIn, {
    ...(timing.failures && { clock: timing.failures }),
    ...(timing.random && { random: timing.random }),
    ...(timing.unitMs && { unitMs: timing.unitMs }),
  })
  await app.register(users)
  await app.register(webhook)
  await app.register(inbox)
  await app.register(jobs)
  await app.register(reconcile)
  await app.register(feeds, { secret, url: `${config.BASE_URL}/api/sync` })
  await app.register(housekeeping, { reconcileSchedule: config.RECONCILE_SCHEDULE })

  await app.register(authRoutes, { prefix: '/api/auth', loginsPerMinute: config.LOGIN_RATE_PER_MINUTE })
  await app.register(syncRoutes, { prefix: '/api/sync', events: config.USER_WEBHOOK_SYNC_ENABLED })
  await app.register(adminRoutes, { prefix: '/api/admin' })
  await app.register(wellKnownRoutes)
  const shown = { metrics: !config.HIDE.includes('metrics'), docs: !config.HIDE.includes('docs') }
  await app.register(operationsRoutes, shown)
  // A host's own start page stays the host's.
  if (config.standalone) await app.register(homeRoutes, shown)
}
