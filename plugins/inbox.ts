import fp from 'fastify-plugin'
import type { TransactionSql } from 'postgres'
import type { AppliedChange } from '../db/apply.ts'
import { isConnectionFault, toDatabaseFault } from '../db/faults.ts'
import {
  claimEvents,
  createEventMonths,
  eventKey,
  type FailedEvent,
  type FailedEventPlace,
  findFailedEvent,
  isMonthMissing,
  listFailedEvents,
  listWaitingEvents,
  type SettledEvent,
  saveEvents,
} from '../db/inbound-events.ts'
import { inTransaction } from '../db/transaction.ts'
import { type ErrorCode, FirstloginError, toLoggable } from '../errors.ts'
import type { EventResult } from '../schemas/user-event.ts'
import type { WebhookEvent } from '../upstreams/upstream.ts'
import { refuseAhead } from './inbox/ahead.ts'
import { createGroupCommit } from './inbox/group-commit.ts'
import type { RequestLines } from './request-log/lines.ts'
import { toUpstreamLog } from './upstreams.ts'

declare module 'fastify' {
  interface FastifyInstance {
    inbox: Inbox
  }
}

/** Where events of upstreams are taken in: each counts once, and none is lost once it was answered for. */
export interface Inbox {
  /**
   * Resolves when the event and its effects are committed together. Throws why the event cannot be applied (it is
   * kept as failed, and may be sent again), or FL_DATABASE_UNAVAILABLE.
   */
  take(source: string, event: WebhookEvent, log?: RequestLines): Promise<EventResult>
  /** Those that failed, the latest first; `before` is the last one seen. */
  listFailed(page: { limit: number; before?: FailedEventPlace | undefined }): Promise<FailedEvent[]>
  /** Takes in again what is kept of a failed event. Answers its result, or the code of why it fails again. */
  replay(source: string, id: string, log?: RequestLines): Promise<EventResult | ErrorCode>
  /** Replays those about which an upstream could not be asked, up to a day after they came. */
  retryWaiting(signal: AbortSignal): Promise<void>
}

interface Arrival extends WebhookEvent {
  source: string
  /** Of the request that brought it. */
  log: RequestLines
}

export interface InboxOptions {
  /** Milliseconds since 1970. */
  clock?: () => number
}

/** Of one turn. */
const mostRetries = 200

export default fp<InboxOptions>(
  async function inboxPlugin(app, { clock = Date.now }) {
    await createEventMonths(app.sql)

    const join = createGroupCommit<Arrival, EventResult>({ commit: commitGroup, largest: 100, atOnce: 2 })

    /** All in one transaction; where that fails, each by itself, so that only the one to blame does. */
    async function commitGroup(arrivals: Arrival[]): Promise<(EventResult | Error)[]> {
      try {
        return await commitTogether(arrivals)
      } catch (error) {
        if (isConnectionFault(error)) throw error
        if (isMonthMissing(error)) await createEventMonths(app.sql)
        app.log.warn({ event: 'inbox.split', events: arrivals.length, err: toLoggable(error) })
        const results: (EventResult | Error)[] = []
        for (const arrival of arrivals) results.push(await commitAlone(arrival))
        return results
      }
    }

    async function commitAlone(arrival: Arrival): Promise<EventResult | Error> {
      try {
        const [result] = await commitTogether([arrival])
        return result ?? new FirstloginError('FL_INTERNAL')
      } catch (error) {
        const fault = toDatabaseFault(error)
        if (fault) return fault
        await saveEvents(app.sql, [{ ...arrival, result: 'failed', reason: toReason(error) }])
        return error instanceof Error ? error : new FirstloginError('FL_INTERNAL', { cause: error })
      }
    }

    async function commitTogether(arrivals: Arrival[]): Promise<(EventResult | Error)[]> {
      const { results, applied, logs } = await inTransaction(app.sql, async (tx) => {
        const told = await claimEvents(tx, arrivals)
        // Of several tellings of one event in a group the first counts.
        const news = arrivals.filter((arrival) => {
          const key = eventKey(arrival)
          const isNew = !told.has(key)
          told.add(key)
          return isNew
        })
        const applied = await applyAll(tx, news)
        const settled = news.map((arrival, index) => toSettled(arrival, applied[index] ?? []))
        await saveEvents(tx, settled)
        const outcomes = new Map<string, SettledEvent['result'] | 'replayed'>(
          settled.map((event) => [eventKey(event), event.result]),
        )
        const results = arrivals.map((arrival) => {
          const key = eventKey(arrival)
          const outcome = outcomes.get(key) ?? 'replayed'
          if (outcome === 'failed') return arrival.refusal ?? new FirstloginError('FL_INTERNAL')
          outcomes.set(key, 'replayed')
          return outcome
        })
        const logs = news.flatMap(({ log }, index) => (applied[index] ?? []).map(() => log))
        return { results, applied, logs }
      })
      app.provisioner.report(applied.flat(), (index) => logs[index])
      return results
    }

    /** What became of the changes of each arrival. */
    async function applyAll(tx: TransactionSql, arrivals: Arrival[]): Promise<AppliedChange[][]> {
      const changes = arrivals.flatMap((arrival) => arrival.changes)
      const logs = arrivals.flatMap(({ changes, log }) => changes.map(() => log))
      const logOf = (index: number) => logs[index]
      const applied = changes.length > 0 ? await app.provisioner.applyIn(tx, changes, {}, logOf) : []
      let taken = 0
      return arrivals.map((arrival) => {
        const from = taken
        taken += arrival.changes.length
        return applied.slice(from, taken)
      })
    }

    async function replay(
      source: string,
      id: string,
      log: RequestLines = app.log,
    ): Promise<EventResult | ErrorCode> {
      const failed = await findFailedEvent(app.sql, source, id)
      const webhook = app.upstreams.find(({ name }) => name === source)?.webhook
      if (!failed) return 'FL_EVENT_UNKNOWN'
      if (!webhook) return 'FL_UPSTREAM_UNLISTED'
      try {
        return await take(
          source,
          await webhook.read(failed.payload, {
            dialect: 'kept',
            messageId: failed.id,
            log: toUpstreamLog(log),
          }),
          log,
        )
      } catch (error) {
        if (error instanceof FirstloginError) return error.code
        log.error({ event: 'replay.failed', source, eventId: id, err: toLoggable(error) })
        return 'FL_INTERNAL'
      }
    }

    async function retryWaiting(signal: AbortSignal): Promise<void> {
      for (const { source, id } of await listWaitingEvents(app.sql, mostRetries)) {
        if (signal.aborted) return
        await replay(source, id)
      }
    }

    async function take(
      source: string,
      event: WebhookEvent,
      log: RequestLines = app.log,
    ): Promise<EventResult> {
      const count = (result: EventResult | 'failed') => app.metrics.inboundEvents.inc({ source, result })
      const about = { source, eventId: event.id, eventType: event.type }
      try {
        const result = await join({ ...refuseAhead(event, clock()), source, log })
        count(result)
        if (result === 'processed') app.metrics.webhookProcessed.inc()
        if (result === 'replayed') app.metrics.webhookReplayed.inc()
        const name = result === 'replayed' || result === 'stale' ? result : 'accepted'
        log.info({ event: `webhook.${name}`, ...about, result })
        return result
      } catch (error) {
        count('failed')
        throw toDatabaseFault(error) ?? error
      }
    }

    app.decorate('inbox', {
      take,
      listFailed: (page) => listFailedEvents(app.sql, page),
      replay,
      retryWaiting,
    } satisfies Inbox)
  },
  {
    name: 'firstlogin-inbox',
    fastify: '5.x',
    dependencies: ['firstlogin-db', 'firstlogin-metrics', 'firstlogin-provisioner', 'firstlogin-upstreams'],
  },
)

function toSettled({ refusal, ...arrival }: Arrival, applied: AppliedChange[]): SettledEvent {
  if (refusal) return { ...arrival, result: 'failed', reason: refusal.code }
  if (arrival.changes.length === 0) return { ...arrival, result: 'ignored' }
  return { ...arrival, result: applied.some(({ hadEffect }) => hadEffect) ? 'processed' : 'stale' }
}

/** A code; a message of Postgres may hold what was sent. */
function toReason(error: unknown): string {
  if (error instanceof FirstloginError) return error.code
  const state = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return `FL_INTERNAL ${state}`.trimEnd()
}
