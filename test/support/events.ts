import { createHmac } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import type { Service } from './service.ts'

export const syncSecret = 'a secret that both sides know'

/** The settings under which user events are taken in. */
export const syncOn = { USER_WEBHOOK_SYNC_ENABLED: 'true', AIRTABLE_USER_SYNC_SECRET: syncSecret }

export interface TestEvent {
  eventId: string
  eventType: string
  occurredAt: string
  user: Record<string, unknown>
}

let made = 0

/** An event about Ada, new each time, and with what a test wants otherwise. */
export function toEvent(own: Partial<TestEvent> = {}): TestEvent {
  made += 1
  return {
    eventId: `evt_${made}`,
    eventType: 'user.created',
    occurredAt: '2026-11-20T10:00:00.000Z',
    ...own,
    user: { id: 'recWebhookPerson1', email: 'Mary@Example.com', name: 'Mary', status: 'active', ...own.user },
  }
}

export function signatureOf(body: string | Buffer, secret: string = syncSecret): string {
  return createHmac('sha256', secret).update(body).digest('hex')
}

/** Posts raw bytes, signed unless other headers are given. */
export function post(
  service: Service,
  body: string | Buffer,
  headers: Record<string, string> = { 'x-signature': signatureOf(body) },
): Promise<LightMyRequestResponse> {
  return service.app.inject({
    method: 'POST',
    url: '/api/sync/users/inbound',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
}

export function send(service: Service, event: TestEvent): Promise<LightMyRequestResponse> {
  return post(service, JSON.stringify(event))
}
