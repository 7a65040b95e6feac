import { createVendor, type VendorStandIn } from '../vendor.ts'
import { bannedUntil, findByEmail, getRow, readEmail, softDelete } from './admin-users.ts'
import { askHook, type HookCall, type HookName, toHookCall } from './auth-hook.ts'
import { type Posted, postOnce, toDatabaseWebhook } from './database-webhook.ts'
import { emailExists, GoTrueError, invalid, speakGoTrue, unexpected } from './errors.ts'
import { readGoDuration } from './go-duration.ts'
import { makeUnconfirmed, type Wanted } from './invitations.ts'
import { admitAdmin, type ProjectKeys, signLegacyKey } from './keys.ts'
import { people } from './people.ts'
import { registerAdminRoutes } from './routes.ts'
import type { Row } from './row.ts'
import { createTable, type RowChange } from './table.ts'

export interface SupabaseStandInOptions extends Partial<ProjectKeys> {
  /** The rows at the start. */
  users?: readonly (Partial<Row> & { id: string })[]
  /** Where the database's trigger posts, and the headers that it was given. */
  webhookUrl?: string
  webhookHeaders?: Record<string, string>
  /** Who is asked before somebody signs up; the secrets as Supabase shows them, `v1,whsec_...`, joined by `|`. */
  hookUrl?: string
  hookSecret?: string
  /** False: GoTrue alone, without the gateway that wants an apikey. */
  gateway?: boolean
  clock?: () => number
}

export interface SupabaseStandIn extends VendorStandIn {
  serviceRoleKey: string
  anonKey: string
  secretKey: string
  /** The table auth.users. */
  rows(): Row[]
  /** Every change of a row since the start, in order. */
  changes(): RowChange[]
  /** What the trigger posts of a change. */
  databaseWebhook(type: RowChange['type'], record: Row | null, oldRecord: Row | null): Posted
  /** Resolves when the trigger's posts so far are over. */
  posted(): Promise<void>
  authHook(name: HookName, user: Row): HookCall
  /** Throws when the hook, or the address, is against it. */
  signUp(wanted: Wanted): Promise<Row>
  /** Follows the link in the mail. */
  confirm(id: string): Row
  signIn(id: string): Row
  /** With the confirmation of the new address. */
  changeEmail(id: string, email: string): Row
  /** For a duration as Go writes it; `none` lifts it. */
  ban(id: string, duration: string): Row
  softDelete(id: string): Row
  hardDelete(id: string): void
}

/** A project of Supabase, as far as GoTrue and its table of users go: in memory, as the real one speaks. */
export function createSupabaseStandIn(options: SupabaseStandInOptions = {}): SupabaseStandIn {
  const { clock = Date.now, gateway = true, webhookUrl, hookUrl } = options
  const keys: ProjectKeys = {
    jwtSecret: options.jwtSecret ?? 'sandbox-jwt-secret-of-at-least-32-characters',
    secretKey: options.secretKey ?? 'sb_secret_sandbox0000000000000000_00000000',
  }
  const hookSecret = options.hookSecret ?? 'v1,whsec_c2FuZGJveC1ob29rLXNlY3JldC0zMi1ieXRlcyE='
  const webhookHeaders = options.webhookHeaders ?? { authorization: 'Bearer sandbox-trigger-secret' }

  const changes: RowChange[] = []
  const posts = new Set<Promise<unknown>>()
  let isSeeded = false
  const table = createTable(clock, (change) => {
    if (!isSeeded) return
    changes.push(change)
    if (!webhookUrl) return
    const post = postOnce(webhookUrl, toDatabaseWebhook(change, webhookHeaders))
    posts.add(post)
    void post.finally(() => posts.delete(post))
  })
  for (const { id, ...known } of options.users ?? people) table.insert(id, known)
  isSeeded = true

  const authHook = (name: HookName, user: Row) => toHookCall(name, user, hookSecret, clock)
  async function mayCreate(row: Row): Promise<void> {
    if (hookUrl) await askHook(hookUrl, authHook('before-user-created', row))
  }

  const vendor = createVendor({
    clock,
    words: {
      empty: '{"users":[],"aud":"authenticated"}',
      broken: '{"users":[{"id":"0a5f0c5e-6f0e-4b0c',
      huge: ['{"users":[],"aud":"', '"}'],
      jsonType: 'application/json',
      say: {
        rate_limit() {
          throw new GoTrueError(429, 'over_request_rate_limit', 'Request rate limit reached')
        },
        quota() {
          throw new GoTrueError(429, 'over_email_send_rate_limit', 'email rate limit exceeded')
        },
        error_500() {
          throw unexpected('Database error finding users')
        },
        unauthorized() {
          throw new GoTrueError(401, 'no_authorization', 'This endpoint requires a valid Bearer token')
        },
        forbidden() {
          throw new GoTrueError(403, 'not_admin', 'User not allowed')
        },
      },
    },
    admit: (request) => admitAdmin(request, keys, gateway, clock()),
    api(app) {
      speakGoTrue(app)
      app.register(
        (scope, _options, done) => {
          registerAdminRoutes(scope, table, { clock, mayCreate })
          done()
        },
        { prefix: '/auth/v1' },
      )
    },
  })

  return {
    ...vendor,
    serviceRoleKey: signLegacyKey(keys.jwtSecret, 'service_role'),
    anonKey: signLegacyKey(keys.jwtSecret, 'anon'),
    secretKey: keys.secretKey,
    rows: table.all,
    changes: () => [...changes],
    databaseWebhook: (type, record, oldRecord) =>
      toDatabaseWebhook({ type, record, oldRecord }, webhookHeaders),
    async posted() {
      while (posts.size > 0) await Promise.all(posts)
    },
    authHook,
    async signUp(wanted) {
      const email = readEmail(wanted.email)
      if (findByEmail(table, email)) throw emailExists()
      const { id } = await makeUnconfirmed(table, { ...wanted, email }, mayCreate)
      return table.update(id, { confirmation_token: `pkce_${id}`, confirmation_sent_at: table.now() })
    },
    confirm(id) {
      const { raw_user_meta_data } = getRow(table, id)
      return table.transaction(() => {
        table.update(id, { confirmation_token: '', email_confirmed_at: table.now() })
        return table.update(id, { raw_user_meta_data: { ...raw_user_meta_data, email_verified: true } })
      })
    },
    signIn(id) {
      getRow(table, id)
      return table.update(id, { last_sign_in_at: table.now() })
    },
    changeEmail(id, email) {
      getRow(table, id)
      return table.update(id, { email: readEmail(email), email_confirmed_at: table.now(), email_change: '' })
    },
    ban(id, duration) {
      getRow(table, id)
      const ms = duration === 'none' ? 0 : readGoDuration(duration)
      if (ms === undefined) throw invalid('invalid format for ban duration')
      return table.update(id, { banned_until: bannedUntil(ms, clock) })
    },
    softDelete(id) {
      softDelete(table, getRow(table, id))
      return getRow(table, id)
    },
    hardDelete: (id) => table.remove(id),
  }
}
