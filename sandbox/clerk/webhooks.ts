import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from './blanks.ts'

/** A signed event, ready to be posted. */
export interface WebhookMessage {
  type: string
  headers: Record<string, string>
  body: string
}

/** One attempt to bring an event to somebody; status 0 if no answer came. */
export interface Attempt {
  id: string
  type: string
  status: number
}

export interface WebhookOptions {
  secret: string
  instanceId: string
  clock: () => number
  /** Where events are posted; without it they are only signed. */
  url?: string
  /** The pauses between attempts. */
  retryPausesMs?: readonly number[]
  /** Clerk's guide has milliseconds, its specification seconds. */
  timestampUnit?: 'ms' | 's'
}

export interface Webhooks {
  send(type: string, data: object): WebhookMessage
  /** All that was signed, from the first on. */
  messages(): WebhookMessage[]
  attempts(): Attempt[]
  /** When nothing is on its way, or waits for another attempt. */
  settled(): Promise<void>
  close(): void
}

const answerWithinMs = 15_000

/** Events in Clerk's envelope, signed and sent as Svix does. */
export function createWebhooks(options: WebhookOptions): Webhooks {
  const { secret, instanceId, clock, url, retryPausesMs = [1000, 2000, 4000], timestampUnit = 'ms' } = options
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const messages: WebhookMessage[] = []
  const attempts: Attempt[] = []
  const underway = new Set<Promise<void>>()
  const closing = new AbortController()

  /** The id stays through all attempts; the time and the signature are new each time. */
  function sign(id: string, body: string): Record<string, string> {
    const timestamp = `${Math.floor(clock() / 1000)}`
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
    return {
      'content-type': 'application/json',
      'svix-id': id,
      'svix-timestamp': timestamp,
      'svix-signature': `v1,${mac}`,
    }
  }

  async function post(id: string, body: string): Promise<number> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(answerWithinMs)])
    try {
      const headers = sign(id, body)
      const response = await fetch(url ?? '', { method: 'POST', headers, body, signal, redirect: 'manual' })
      await response.arrayBuffer()
      return response.status
    } catch {
      return 0
    }
  }

  async function deliver(id: string, type: string, body: string): Promise<void> {
    for (const pauseMs of [0, ...retryPausesMs]) {
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: closing.signal, ref: false })
      const status = await post(id, body)
      if (closing.signal.aborted) return
      attempts.push({ id, type, status })
      if (status >= 200 && status < 300) return
    }
  }

  return {
    send(type, data) {
      const id = newId('msg')
      const timestamp = timestampUnit === 's' ? Math.floor(clock() / 1000) : clock()
      const body = JSON.stringify({
        data,
        event_attributes: { http_request: { client_ip: '127.0.0.1', user_agent: 'sandbox' } },
        instance_id: instanceId,
        object: 'event',
        timestamp,
        type,
      })
      const message = { type, headers: sign(id, body), body }
      messages.push(message)
      if (url !== undefined) {
        const delivery = deliver(id, type, body)
          .catch(() => undefined)
          .finally(() => underway.delete(delivery))
        underway.add(delivery)
      }
      return message
    },
    messages: () => [...messages],
    attempts: () => [...attempts],
    async settled() {
      while (underway.size > 0) await Promise.all(underway)
    },
    close: () => closing.abort(),
  }
}
