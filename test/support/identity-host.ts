import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Sql } from 'postgres'
import type { Test } from 'tap'
import { loadConfig } from '../../config.ts'
import db from '../../plugins/db.ts'
import http from '../../plugins/http.ts'
import identity from '../../plugins/identity.ts'
import inbox from '../../plugins/inbox.ts'
import metrics from '../../plugins/metrics.ts'
import notices from '../../plugins/notices.ts'
import problems from '../../plugins/problems.ts'
import provisioner from '../../plugins/provisioner.ts'
import requestLog from '../../plugins/request-log.ts'
import upstreams from '../../plugins/upstreams.ts'
import webhook from '../../plugins/webhook.ts'
import { syncRoutes } from '../../routes/sync.ts'
import { type ClerkStandIn, createClerkStandIn } from '../../sandbox/clerk/stand-in.ts'
import { createFronteggStandIn, type FronteggStandIn } from '../../sandbox/frontegg/stand-in.ts'
import { createDatabase } from './database.ts'

export interface IdentityHost {
  app: FastifyInstance
  log: Record<string, unknown>[]
  /** GET with a bearer token: `/ids`, `/rows`, `/who`, `/admin`. */
  get(path: string, token: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

export interface IdentityWorld {
  sql: Sql
  url: string
  clerk: ClerkStandIn
  frontegg: FronteggStandIn
  env(own?: Record<string, string>): Record<string, string>
  /** One more app of somebody else's that asks who its visitors are. */
  start(own?: Record<string, string>): Promise<IdentityHost>
}

/** A database, a Clerk, a Frontegg, and as many apps as a test wants that accept their tokens. */
export async function createIdentityWorld(t: Test): Promise<IdentityWorld> {
  const { sql, url } = await createDatabase(t)
  const clerk = createClerkStandIn({ secretKey: 'sk_test_identity' })
  const frontegg = createFronteggStandIn({ webhookSecret: 'a secret of frontegg webhooks' })
  const [clerkUrl, fronteggUrl] = await Promise.all([clerk.listen(), frontegg.listen()])
  const apps: FastifyInstance[] = []
  t.teardown(async () => {
    await Promise.all(apps.map((app) => app.close()))
    await Promise.all([clerk.close(), frontegg.close()])
  })

  const env = (own: Record<string, string> = {}) => ({
    DATABASE_URL: url,
    FIRSTLOGIN_SECRET: 'a secret for tests of at least 32 bytes',
    UPSTREAMS: 'clerk,frontegg',
    CLERK_SECRET_KEY: 'sk_test_identity',
    CLERK_ISSUER: clerkUrl,
    CLERK_API_URL: clerkUrl,
    CLERK_WEBHOOK_SECRET: clerk.webhookSecret,
    CLERK_INSTANCE_ID: clerk.instanceId,
    FRONTEGG_CLIENT_ID: frontegg.clientId,
    FRONTEGG_API_KEY: frontegg.apiKey,
    FRONTEGG_ISSUER: fronteggUrl,
    FRONTEGG_API_URL: fronteggUrl,
    FRONTEGG_WEBHOOK_SECRET: frontegg.webhookSecret,
    ...own,
  })

  async function start(own: Record<string, string> = {}): Promise<IdentityHost> {
    const config = loadConfig(env(own))
    const log: Record<string, unknown>[] = []
    const stream = { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) }
    const app: FastifyInstance = Fastify({ logger: { level: 'info', stream } })
    apps.push(app)
    await app.register(requestLog)
    await app.register(problems, { unknownRoutes: true })
    await app.register(db, { database: url })
    await app.register(notices)
    await app.register(metrics)
    await app.register(http)
    await app.register(provisioner)
    await app.register(upstreams, { upstreams: config.upstreams })
    await app.register(identity)
    await app.register(webhook)
    await app.register(inbox)
    await app.register(syncRoutes, { prefix: '/api/sync', events: false })
    app.get('/ids', { preHandler: app.identity.requireOrganization }, async (request) =>
      app.identity.idsOf(request),
    )
    app.get('/rows', { preHandler: app.identity.requireOrganization }, async (request) =>
      app.identity.rowsOf(request),
    )
    app.get(
      '/who',
      { preHandler: app.identity.authenticate, config: { allowImpersonation: true } },
      async ({ identity }) => identity,
    )
    app.get('/own', { preHandler: app.identity.authenticate }, async ({ identity }) => identity)
    app.get('/admin', { preHandler: app.identity.requireRole('admin') }, async () => ({ isAdmin: true }))
    await app.ready()
    return {
      app,
      log,
      get: (path, token, headers = {}) =>
        app.inject({ method: 'GET', url: path, headers: { authorization: `Bearer ${token}`, ...headers } }),
    }
  }
  return { sql, url, clerk, frontegg, env, start }
}
