import Fastify, { type FastifyInstance } from 'fastify'
import { readJsonBodies } from '../bodies.ts'
import { type CallReport, createCallBook } from '../calls.ts'
import { guardHost } from '../control-guard.ts'
import { type Fault, noFault } from '../faults.ts'
import { createLatency } from '../latency.ts'
import { createMailbox, type Mailbox } from '../mailbox.ts'
import { createRateLimit, noRateLimit, type RateLimit } from '../rate-limit.ts'
import type { Base } from './base.ts'
import { registerControlRoutes } from './control.ts'
import { guard } from './gate.ts'
import { createIterators } from './iterators.ts'
import { createJournal } from './journal.ts'
import { registerMailboxRoutes } from './mailbox-routes.ts'
import { type AirtableStandInOptions, knobsOf } from './options.ts'
import { people, userFields } from './people.ts'
import { registerMetaRoutes } from './routes-meta.ts'
import { registerRecordRoutes } from './routes-records.ts'
import { createTable } from './table.ts'
import { createUserEdits, type UserEdits } from './user-edits.ts'
import { createPinger } from './webhooks/pinger.ts'
import { createRegistry } from './webhooks/registry.ts'
import { registerWebhookRoutes } from './webhooks/routes.ts'
import { createWebhookControl, type WebhookControl } from './webhooks/webhook-control.ts'
import { speakAirtable } from './wire.ts'

export type { AirtableStandInOptions } from './options.ts'

export type AirtableStandIn = {
  app: FastifyInstance
  /** Starts listening; port 0 takes a free one. Answers the address without `/v0`. */
  listen(port?: number, host?: string): Promise<string>
  /** Closes at once, whatever hangs: stalled connections are destroyed. */
  close(): Promise<void>
  baseId: string
  /** The users' table, edited as by a user of Airtable. */
  records: UserEdits
  /** What happens to webhooks behind the back of whoever registered them. */
  webhooks: WebhookControl
  mailbox: Mailbox
  fault(): Fault
  setFault(fault: { kind: Fault['kind']; latencyMs?: number }): Fault
  /** No fault, and no penalty left over from one; calls that a latency holds back go on at once. */
  heal(): Fault
  calls(): CallReport
  resetCalls(): void
  /** From now on the token is a stranger's. */
  revoke(token: string): void
  /** Every listing that is under way must start again, as after minutes of rest. */
  expireIterators(): void
}

/** An Airtable of one base, in memory: as the real one speaks, and as ill as a test wants it. */
export function createAirtableStandIn(options: AirtableStandInOptions): AirtableStandIn {
  const { token, clock = Date.now, mailbox = createMailbox(clock), views = ['Grid view'] } = options
  const knobs = knobsOf(options)
  const journal = createJournal(clock)

  const users = createTable(
    {
      id: options.tableId ?? 'tblSandboxUsers01',
      name: options.tableName ?? 'Users',
      fields: options.fields ?? userFields,
      records: options.records ?? people,
    },
    knobs,
    clock,
    journal.note,
  )
  const others = (options.otherTables ?? []).map((table) => createTable(table, knobs, clock, journal.note))
  const base: Base = { id: options.baseId ?? 'appSandboxBase001', tables: [users, ...others], journal }

  const { rateLimit = { perSecond: 5, penaltyMs: 30_000 } } = options
  const limitOf = (perSecond?: number) =>
    rateLimit
      ? createRateLimit({ ...rateLimit, perSecond: perSecond ?? rateLimit.perSecond, clock })
      : noRateLimit
  const baseLimit = limitOf()
  const userLimits = new Map<string, RateLimit>()

  const calls = createCallBook(clock)
  const iterators = createIterators(knobs.iteratorIdleMs, clock)
  const pinger = createPinger(base.id, knobs, clock)
  const registry = createRegistry({ base, knobs, clock, pinger })
  const strangers = new Set<string>()
  const guests = new Set(options.otherTokens)
  const latency = createLatency()
  let fault = noFault

  const app = Fastify({
    forceCloseConnections: true,
    // The official client asks for `/Users/` when it creates.
    routerOptions: { maxParamLength: 1000, ignoreTrailingSlash: true },
    // Node refuses headers above 16 KB; the limit on addresses is for us to enforce, with Airtable's answer.
    http: { maxHeaderSize: 128 * 1024 },
  })

  const standIn: Omit<AirtableStandIn, 'app'> = {
    listen: (port = 0, host = '127.0.0.1') => app.listen({ port, host }),
    close: () => app.close(),
    baseId: base.id,
    records: createUserEdits(users, journal),
    webhooks: createWebhookControl(base, registry, pinger),
    mailbox,
    fault: () => fault,
    setFault({ kind, latencyMs = 0 }) {
      fault = { kind, latencyMs }
      if (kind === 'rate_limit') baseLimit.penalize()
      return fault
    },
    heal() {
      fault = noFault
      baseLimit.forgive()
      latency.release()
      return fault
    },
    calls: calls.report,
    resetCalls: calls.reset,
    revoke: (revoked) => void strangers.add(revoked),
    expireIterators: iterators.expireAll,
  }

  function userLimit(user: string): RateLimit {
    const limit = userLimits.get(user) ?? limitOf(knobs.perUserPerSecond)
    userLimits.set(user, limit)
    return limit
  }

  const opens = (given: string) => given === token && !strangers.has(given)
  const knows = (given: string) => (given === token || guests.has(given)) && !strangers.has(given)

  function airtableApi(api: FastifyInstance, _options: object, done: () => void): void {
    guard(api, {
      baseId: base.id,
      knobs,
      calls,
      fault: standIn.fault,
      latency,
      tokens: { knows, opens },
      baseLimit,
      userLimit,
    })
    speakAirtable(api, knobs)
    registerMetaRoutes(api, base)
    registerWebhookRoutes(api, base, registry)
    registerRecordRoutes(api, base, { iterators, views, clock }, knobs)
    done()
  }

  function control(outside: FastifyInstance, _options: object, done: () => void): void {
    registerControlRoutes(outside, standIn)
    done()
  }

  function mailboxRoutes(outside: FastifyInstance, _options: object, done: () => void): void {
    registerMailboxRoutes(outside, mailbox)
    done()
  }

  app.addHook('preClose', async () => pinger.close())
  readJsonBodies(app)
  guardHost(app)
  app.register(mailboxRoutes)
  app.register(airtableApi, { prefix: '/v0' })
  app.register(control, { prefix: '/__control' })
  return { ...standIn, app }
}
