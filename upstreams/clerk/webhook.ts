import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Change } from '../../domain/change.ts'
import { toCanonicalEmail } from '../../domain/email.ts'
import { createSignatureKeys, verifySignature, verifySignatureHeaders } from '../../domain/signature.ts'
import { FirstloginError } from '../../errors.ts'
import type { Delivery, UpstreamContext, Webhook, WebhookEvent } from '../upstream.ts'
import type { ClerkEnv } from './env.ts'
import { readers } from './events.ts'
import { Id, Maybe, Moment } from './records.ts'

const Envelope = Type.Object({
  type: Id,
  timestamp: Moment,
  instance_id: Maybe(Id),
  data: Type.Object({}),
})
const envelope = Compile(Envelope)

/** Clerk writes some envelopes in seconds: as milliseconds they would be of the year 1973 or before. */
const mostSeconds = 1e11

/** Events of an instance, signed by Svix. */
export function createWebhook(secrets: string[], env: ClerkEnv, { clock }: UpstreamContext): Webhook {
  const keys = createSignatureKeys({ svix: secrets })
  const { CLERK_INSTANCE_ID: instanceId, CLERK_ROLE_MAP: roles } = env

  function read(body: unknown, { messageId: id }: Delivery): WebhookEvent {
    if (!envelope.Check(body) || id === undefined) throw invalid('It is not an event of Clerk.')
    const { type, timestamp, instance_id: cameFrom, data } = body
    const isInSeconds = timestamp < mostSeconds
    const occurredAt = isInSeconds ? timestamp * 1000 : timestamp
    const about = { id, type, occurredAt }
    // The payload has the form of the event, so that it reads as one.
    const toPayload = (kept: object) => ({ type, timestamp, instance_id: cameFrom, data: kept })
    const isOurs = instanceId === undefined || cameFrom === instanceId

    const reader = readers.get(type)
    // Whatever was written within that second is older than the deletion.
    const stamp = { at: isInSeconds ? occurredAt + 999 : occurredAt, event: id }
    const reading = reader ? reader(data, { event: id, stamp, roles }) : { changes: [], kept: {} }
    if ('invalid' in reading) throw invalid(reading.invalid)
    const event = { ...about, changes: [], payload: toPayload(reading.kept) }
    if (!isOurs) return { ...event, refusal: invalid('It is an event of another instance.') }
    if ('unusable' in reading) return { ...event, refusal: invalid(reading.unusable) }
    if (reading.changes.some(isUnusable))
      return { ...event, refusal: new FirstloginError('FL_EMAIL_INVALID') }
    return { ...event, changes: reading.changes }
  }

  return {
    path: '/clerk',
    signatureHeader: 'svix-signature',
    summary: 'What happened in Clerk, told by Svix',
    body: Envelope,
    verifyHeaders: (headers) => verifySignatureHeaders(headers, keys),
    verify: (bytes, headers) => verifySignature(bytes, headers, keys, clock()),
    read,
  }
}

/** Whether people would be found by an address that cannot be a key. */
function isUnusable(change: Change): boolean {
  if (change.type !== 'user.upserted' || change.isUnverified || !change.fields.email) return false
  return toCanonicalEmail(change.fields.email) === undefined
}

function invalid(detail: string): FirstloginError {
  return new FirstloginError('FL_PAYLOAD_INVALID', { detail })
}
