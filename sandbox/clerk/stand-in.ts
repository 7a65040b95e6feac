import { randomBytes } from 'node:crypto'
import { createVendor, type VendorStandIn } from '../vendor.ts'
import { registerControlRoutes } from './control.ts'
import { admit, faultWords } from './manners.ts'
import { people, type Seed } from './people.ts'
import type { ClerkOrganization, ClerkUser } from './records.ts'
import { registerRoutes } from './routes.ts'
import {
  type ClerkMembership,
  type EditOptions,
  type MembershipEdit,
  type MembershipName,
  type OrganizationEdit,
  Store,
  type UserEdit,
} from './store.ts'
import { createTokens, type SessionTokenOptions } from './tokens.ts'
import { type Attempt, createWebhooks, type WebhookMessage } from './webhooks.ts'

export interface ClerkStandInOptions {
  secretKey: string
  webhookSecret?: string
  /** Where events are posted; without it they are only signed. */
  webhookUrl?: string
  retryPausesMs?: readonly number[]
  timestampUnit?: 'ms' | 's'
  instanceId?: string
  /** The `iss` of its tokens; its own address if none is given. */
  issuer?: string
  /** Seconds for the Retry-After header on 429. */
  retryAfterS?: number
  /** False: an instance that has not switched them on. */
  hasOrganizations?: boolean
  seed?: Seed
  dripMs?: number
  oversizeBytes?: number
  clock?: () => number
}

export interface ClerkStandIn extends VendorStandIn {
  instanceId: string
  webhookSecret: string
  /** Known once it listens, unless it was given. */
  readonly issuer: string
  users: {
    list(): ClerkUser[]
    put(edit: UserEdit, options?: EditOptions): ClerkUser
    remove(id: string, options?: EditOptions): boolean
  }
  organizations: {
    list(): ClerkOrganization[]
    put(edit: OrganizationEdit, options?: EditOptions): ClerkOrganization
    remove(id: string, options?: EditOptions): boolean
  }
  memberships: {
    list(): ClerkMembership[]
    put(edit: MembershipEdit, options?: EditOptions): ClerkMembership
    remove(name: MembershipName, options?: EditOptions): boolean
  }
  /** Signs an event, and posts it if there is somewhere to post to. */
  webhook(type: string, data: object): WebhookMessage
  /** The events of all edits and of `webhook`, from the first on. */
  messages(): WebhookMessage[]
  attempts(): Attempt[]
  /** When every event has arrived or was given up. */
  settled(): Promise<void>
  sessionToken(options: SessionTokenOptions): Promise<string>
  /** From now on there is another key; what the old one signed is worth nothing. */
  rotateKeys(): Promise<void>
}

/** A Clerk of one instance, in memory: as the real one speaks, and as ill as a test wants it. */
export function createClerkStandIn(options: ClerkStandInOptions): ClerkStandIn {
  const { secretKey, clock = Date.now, seed = people, retryAfterS = 10 } = options
  const instanceId = options.instanceId ?? 'ins_2SandboxInstance000000000'
  const webhookSecret = options.webhookSecret ?? `whsec_${randomBytes(24).toString('base64')}`
  let address: string | undefined

  function issuer(): string {
    const known = options.issuer ?? address
    if (known === undefined) throw new Error('The issuer is not known before the stand-in listens.')
    return known
  }

  const webhooks = createWebhooks({
    secret: webhookSecret,
    instanceId,
    clock,
    ...(options.webhookUrl !== undefined && { url: options.webhookUrl }),
    ...(options.retryPausesMs && { retryPausesMs: options.retryPausesMs }),
    ...(options.timestampUnit && { timestampUnit: options.timestampUnit }),
  })
  const store = new Store(clock, webhooks.send)
  for (const user of seed.users) store.putUser(user, { isQuiet: true })
  for (const organization of seed.organizations) store.putOrganization(organization, { isQuiet: true })
  for (const membership of seed.memberships) store.putMembership(membership, { isQuiet: true })
  const tokens = createTokens(instanceId, issuer, store, clock)

  const vendor = createVendor({
    clock,
    words: {
      ...faultWords(retryAfterS),
      ...(options.dripMs !== undefined && { dripMs: options.dripMs }),
      ...(options.oversizeBytes !== undefined && { oversizeBytes: options.oversizeBytes }),
    },
    admit: (request) => admit(request, secretKey, options.hasOrganizations ?? true),
    api: (app) => registerRoutes(app, store, tokens),
    control: (app) => registerControlRoutes(app, store, tokens),
  })
  vendor.app.addHook('preClose', async () => webhooks.close())

  return {
    ...vendor,
    async listen(port, host) {
      address = await vendor.listen(port, host)
      return address
    },
    instanceId,
    webhookSecret,
    get issuer() {
      return issuer()
    },
    users: {
      list: () => [...store.users.values()],
      put: (edit, how) => store.putUser(edit, how),
      remove: (id, how) => store.removeUser(id, how),
    },
    organizations: {
      list: () => [...store.organizations.values()].map((one) => store.showOrganization(one)),
      put: (edit, how) => store.putOrganization(edit, how),
      remove: (id, how) => store.removeOrganization(id, how),
    },
    memberships: {
      list: () => [...store.memberships.values()].map((one) => store.showMembership(one)),
      put: (edit, how) => store.putMembership(edit, how),
      remove: (name, how) => store.removeMembership(name, how),
    },
    webhook: webhooks.send,
    messages: webhooks.messages,
    attempts: webhooks.attempts,
    settled: webhooks.settled,
    sessionToken: tokens.sessionToken,
    rotateKeys: tokens.rotate,
  }
}
