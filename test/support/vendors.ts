import { hash } from '@node-rs/argon2'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import fp from 'fastify-plugin'
import type { Sql } from 'postgres'
import { Webhook } from 'svix'
import type { Test } from 'tap'
import firstlogin, { earlyProblems, type ServiceOptions } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { type ClerkStandIn, createClerkStandIn } from '../../sandbox/clerk/stand-in.ts'
import { createFronteggStandIn, type FronteggStandIn } from '../../sandbox/frontegg/stand-in.ts'
import { createSupabaseStandIn, type SupabaseStandIn } from '../../sandbox/supabase/stand-in.ts'
import { hastyClock } from './clocks.ts'
import { createDatabase } from './database.ts'

export const instanceId = 'ins_2g7np7Hrk0SN6kj5EDMLDaKNL0S'
export const bearer = 'a-secret-of-the-trigger-0001'
export const hookSecret = 'v1,whsec_YS1maXJzdC1zZWNyZXQtb2YtMzItYnl0ZXMtb3Igc28='
const secretKey = 'sk_live_vendors'

export interface Vendors {
  sql: Sql
  clerk: ClerkStandIn
  frontegg: FronteggStandIn
  supabase: SupabaseStandIn
  /** The whole service with these upstreams, inside of an app whose own routes ask who their visitors are. */
  start(upstreams: string, own?: Record<string, string>): Promise<VendorsHost>
}

export interface VendorsHost {
  app: FastifyInstance
  logText(): string
  post(path: string, body: string, headers: Record<string, string>): Promise<LightMyRequestResponse>
  /** GET with a bearer token: `/ids`, `/rows`. */
  get(path: string, token: string): Promise<LightMyRequestResponse>
}

/** A database, and stand-ins for all vendors of accounts; Clerk and Supabase begin without anybody. */
export async function createVendors(t: Test): Promise<Vendors> {
  const { sql, url } = await createDatabase(t)
  const clerk = createClerkStandIn({
    secretKey,
    instanceId,
    seed: { users: [], organizations: [], memberships: [] },
  })
  const frontegg = createFronteggStandIn()
  const supabase = createSupabaseStandIn({
    users: [],
    hookSecret,
    webhookHeaders: { authorization: `Bearer ${bearer}` },
  })
  const standIns = [clerk, frontegg, supabase]
  const [clerkUrl = '', fronteggUrl = '', supabaseUrl = ''] = await Promise.all(
    standIns.map((standIn) => standIn.listen()),
  )
  const apps: FastifyInstance[] = []
  t.teardown(async () => {
    await Promise.all(apps.map((app) => app.close()))
    await Promise.all(standIns.map((standIn) => standIn.close()))
  })

  const settings = {
    DATABASE_URL: url,
    FIRSTLOGIN_SECRET: 'a secret for tests of at least 32 bytes',
    CLERK_SECRET_KEY: secretKey,
    CLERK_ISSUER: clerkUrl,
    CLERK_API_URL: clerkUrl,
    CLERK_WEBHOOK_SECRET: clerk.webhookSecret,
    CLERK_INSTANCE_ID: instanceId,
    FRONTEGG_CLIENT_ID: frontegg.clientId,
    FRONTEGG_API_KEY: frontegg.apiKey,
    FRONTEGG_ISSUER: fronteggUrl,
    FRONTEGG_API_URL: fronteggUrl,
    FRONTEGG_WEBHOOK_SECRET: frontegg.webhookSecret,
    FRONTEGG_CALLS_PER_MINUTE: '6000',
    SUPABASE_URL: supabaseUrl,
    SUPABASE_SECRET_KEY: supabase.secretKey,
    SUPABASE_WEBHOOK_SECRET: bearer,
    SUPABASE_HOOK_SECRET: hookSecret,
  }

  async function start(upstreams: string, own: Record<string, string> = {}): Promise<VendorsHost> {
    const config = loadConfig({ ...settings, UPSTREAMS: upstreams, ...own })
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const app: FastifyInstance = Fastify({ ...earlyProblems, logger: { stream } })
    apps.push(app)
    await app.register(openly, { ...config, standalone: true })
    const preHandler = app.identity.requireOrganization
    app.get('/ids', { preHandler }, async (request) => app.identity.idsOf(request))
    app.get('/rows', { preHandler }, async (request) => app.identity.rowsOf(request))
    await app.ready()
    return {
      app,
      logText: () => lines.join(''),
      post: (path, body, headers) =>
        app.inject({
          method: 'POST',
          url: path,
          headers: { 'content-type': 'application/json', ...headers },
          body,
        }),
      get: (path, token) => app.inject({ url: path, headers: { authorization: `Bearer ${token}` } }),
    }
  }
  return { sql, clerk, frontegg, supabase, start }
}

/** The service's own decorators are seen by the app around it. */
const openly = fp(
  async (app: FastifyInstance, options: ServiceOptions) =>
    firstlogin(app, { ...options, timing: { failures: hastyClock } }),
  {
    name: 'firstlogin-openly',
  },
)

/** The headers of Svix, by its own package. */
export function svixHeaders(secret: string, id: string, body: string, at = new Date()) {
  return {
    'svix-id': id,
    'svix-timestamp': `${Math.floor(at.getTime() / 1000)}`,
    'svix-signature': new Webhook(secret).sign(id, at, body),
  }
}

/** As if nothing had ever been told. */
export async function forgetAll(sql: Sql): Promise<void> {
  const forget = () => sql`
    truncate firstlogin.users, firstlogin.identities, firstlogin.organizations, firstlogin.memberships,
      firstlogin.inbound_events, firstlogin.listings, firstlogin.upstream_gates cascade`
  // What still happens behind an answer holds locks of its own.
  for (let isForgotten = false; !isForgotten; )
    isForgotten = await forget().then(
      () => true,
      (error: { code?: string }) => {
        if (error.code !== '40P01') throw error
        return false
      },
    )
}

export interface PersonRow {
  id: string
  email: string
  name: string | null
  status: string
}

/** Everybody who is not deleted, by address. */
export async function readPeople(sql: Sql): Promise<PersonRow[]> {
  return sql<PersonRow[]>`
    select id, email, name, status from firstlogin.users where status <> 'deleted' order by email, name`
}

/** Who is in what as what, as far as it holds. */
export async function readMembers(sql: Sql): Promise<string[]> {
  const rows = await sql<{ member: string }[]>`
    select concat_ws(' ', coalesce(u.name, u.email), 'in', o.name, 'as', m.role) as member
    from firstlogin.memberships m
      join firstlogin.users u on u.id = m.user_id
      join firstlogin.organizations o on o.id = m.organization_id
    where m.active order by member`
  return rows.map(({ member }) => member)
}

/** What became of events, by type. */
export async function readEvents(sql: Sql) {
  return sql<{ type: string; result: string; reason: string | null; attempts: number }[]>`
    select event_type as type, result, reason, attempts from firstlogin.inbound_events order by received_at, event_id`
}

const password = 'correct horse battery staple'

/** Gives everybody a password, signs one of them in, and answers their access token. */
export async function signIn({ app }: VendorsHost, sql: Sql, email: string): Promise<string> {
  const passwordHash = await hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 })
  await sql`update firstlogin.users set password_hash = ${passwordHash}`
  const reply = await app.inject({ method: 'POST', url: '/api/auth/login', payload: { email, password } })
  return reply.json<{ accessToken: string }>().accessToken
}
