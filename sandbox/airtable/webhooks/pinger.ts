import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Knobs } from '../options.ts'
import type { Hook, NotificationResult } from './hook.ts'
import { post } from './post.ts'

const maxRetries = 13

/** One attempt to bring a ping to somebody. */
export type Delivery = {
  webhookId: string
  body: string
  mac: string
  retryNumber: number
  success: boolean
  /** Absent if no answer came. */
  status?: number
  error?: string
  /** Absent if there will be no other attempt. */
  retryInMs?: number
}

export type Pinger = {
  /** Pings soon, once for all the news that there is until then. */
  announce(hook: Hook): void
  /** Pings at once, whether there is news or not. */
  ping(hook: Hook): void
  /** Nothing more is sent to the webhook. */
  forget(hook: Hook): void
  deliveries(): Delivery[]
  /** When nothing is gathered or on its way; what waits for another attempt does not count. */
  settled(): Promise<void>
  close(): void
}

export function createPinger(baseId: string, knobs: Knobs, clock: () => number): Pinger {
  const stops = new Map<string, AbortController>()
  const gathering = new Set<string>()
  const log: Delivery[] = []
  const waiters: (() => void)[] = []
  let busy = 0
  let isClosed = false

  function stopOf(hook: Hook): AbortSignal {
    const stop = stops.get(hook.id) ?? new AbortController()
    stops.set(hook.id, stop)
    return stop.signal
  }

  async function occupied<T>(work: () => Promise<T>): Promise<T> {
    busy += 1
    try {
      return await work()
    } finally {
      busy -= 1
      if (busy === 0) for (const wake of waiters.splice(0)) wake()
    }
  }

  function start(hook: Hook, delayMs: number): void {
    if (!hook.notificationUrl || isClosed) return
    const { notificationUrl } = hook
    const stop = stopOf(hook)
    // Whoever stops a ping ends its sleep or its connection; there is nothing to tell about that.
    occupied(async () => {
      if (delayMs > 0) {
        await sleep(delayMs, undefined, { signal: stop, ref: false })
        gathering.delete(hook.id)
        if (!hook.notifies) return
      }
      const content = { base: { id: baseId }, webhook: { id: hook.id }, timestamp: isoTime(clock()) }
      const body = JSON.stringify(content)
      for (let copy = 0; copy < knobs.pingCopies; copy += 1) {
        deliver(hook, notificationUrl, body, stop).catch(() => undefined)
      }
    }).catch(() => undefined)
  }

  /** Until it succeeds, or has failed too often; then the webhook notifies nobody any more. */
  async function deliver(hook: Hook, url: URL, body: string, stop: AbortSignal): Promise<void> {
    for (let retryNumber = 0; retryNumber <= maxRetries; retryNumber += 1) {
      const delivery = await occupied(() => attempt(hook, url, body, retryNumber, stop))
      if (delivery.success) return
      if (delivery.retryInMs === undefined) break
      await sleep(delivery.retryInMs, undefined, { signal: stop, ref: false })
      if (!hook.notifies) return
    }
    hook.notifies = false
  }

  async function attempt(hook: Hook, url: URL, body: string, retryNumber: number, stop: AbortSignal) {
    const mac = `hmac-sha256=${createHmac('sha256', hook.macSecret).update(body).digest('hex')}`
    const headers = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'X-Airtable-Content-MAC': mac,
    }
    const startedAt = performance.now()
    const late = AbortSignal.timeout(knobs.pingTimeoutMs)
    const outcome = await post(url, body, headers, AbortSignal.any([stop, late])).then(
      (status) => (status === 200 || status === 204 ? { status } : { status, error: refusal(status) }),
      () => ({ error: late.aborted ? 'The HTTP request timed out' : 'The HTTP request failed' }),
    )
    stop.throwIfAborted()
    const success = !('error' in outcome)
    const willBeRetried = !success && retryNumber < maxRetries
    const delivery: Delivery = { webhookId: hook.id, body, mac, retryNumber, success, ...outcome }
    if (willBeRetried) delivery.retryInMs = knobs.pingRetryPauseMs * 2 ** retryNumber
    log.push(delivery)

    const durationMs = performance.now() - startedAt
    const result = { success, completionTimestamp: isoTime(clock()), durationMs, retryNumber }
    note(hook, 'error' in outcome ? { ...result, willBeRetried, error: { message: outcome.error } } : result)
    return delivery
  }

  function note(hook: Hook, result: NotificationResult): void {
    hook.lastResult = result
    if (result.success) hook.lastSuccessAt = clock()
  }

  return {
    announce(hook) {
      if (!hook.notifies || gathering.has(hook.id)) return
      if (knobs.pingDelayMs > 0) gathering.add(hook.id)
      start(hook, knobs.pingDelayMs)
    },
    ping: (hook) => start(hook, 0),
    forget(hook) {
      stops.get(hook.id)?.abort()
      stops.delete(hook.id)
      gathering.delete(hook.id)
    },
    deliveries: () => [...log],
    settled: () =>
      new Promise((resolve) => {
        if (busy === 0) resolve()
        else waiters.push(resolve)
      }),
    close() {
      isClosed = true
      for (const stop of stops.values()) stop.abort()
    },
  }
}

function isoTime(at: number): string {
  return new Date(at).toISOString()
}

function refusal(status: number): string {
  return `The HTTP request returned a ${status} status code instead of 200 or 204`
}
