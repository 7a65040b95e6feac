import { createHmac } from 'node:crypto'
import { toPart } from './keys.ts'
import { toEvent } from './render.ts'
import type { World } from './world.ts'

export interface WebhookOverrides {
  /** Over the usual body. */
  body?: Record<string, unknown>
  /** Of the JWT in the header. */
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
  secret?: string
}

export interface SentWebhook {
  headers: { 'content-type': string; 'x-webhook-secret': string }
  /** As it goes over the wire. Nothing in the headers belongs to it. */
  body: string
  /** What was answered, where there was an address to post it to. */
  answer?: { status: number; body: string }
}

/** A webhook of an environment: what happened, and beside it a token that anybody may sign who knows the secret. */
export async function sendWebhook(
  eventKey: string,
  about: { userId?: string; tenantId?: string },
  { body, claims, header, secret }: WebhookOverrides,
  hook: { world: World; secret: string; url: string | undefined; clock: () => number },
): Promise<SentWebhook> {
  const event = JSON.stringify({ ...toEvent(hook.world, eventKey, about), ...body })
  const iat = Math.floor(hook.clock() / 1000)
  const text = [
    { alg: 'HS256', typ: 'JWT', ...header },
    { iat, ...claims },
  ]
    .map(toPart)
    .join('.')
  const mac = createHmac('sha256', secret ?? hook.secret)
    .update(text)
    .digest('base64url')
  const headers = { 'content-type': 'application/json', 'x-webhook-secret': `${text}.${mac}` }
  if (hook.url === undefined) return { headers, body: event }
  const response = await fetch(hook.url, { method: 'POST', headers, body: event })
  return { headers, body: event, answer: { status: response.status, body: await response.text() } }
}
