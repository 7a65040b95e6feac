import { Compile } from 'typebox/compile'
import type { Change } from '../../domain/change.ts'
import { toCanonicalEmail } from '../../domain/email.ts'
import { toInstant } from '../../domain/instant.ts'
import { addressRecordId } from '../../domain/record.ts'
import { createSignatureKeys, verifySignature, verifySignatureHeaders } from '../../domain/signature.ts'
import { FirstloginError } from '../../errors.ts'
import { EventEnvelope, UserEvent } from '../../schemas/user-event.ts'
import { toText } from '../text.ts'
import type { Delivery, Log, UpstreamContext, Webhook, WebhookEvent } from '../upstream.ts'
import type { AirtableEnv } from './env.ts'
import { toFields, toUnknownStatus } from './mapping.ts'

const envelope = Compile(EventEnvelope)
const userEvent = Compile(UserEvent)
const eventTypes: ReadonlySet<string> = new Set(['user.created', 'user.updated', 'user.deleted'])

/** User lifecycle events from an Automation, or from anything else that can sign a POST. */
export function createWebhook(secrets: string[], env: AirtableEnv, context: UpstreamContext): Webhook {
  const { log, clock } = context
  const keys = createSignatureKeys({ shared: secrets })

  function read(body: unknown, delivery: Delivery): WebhookEvent {
    if (!envelope.Check(body)) throw toInvalid(envelope.Errors(body))
    const { eventId: id, eventType: type } = body
    if (!eventTypes.has(type))
      return { id, type, occurredAt: clock(), changes: [], payload: { eventId: id, eventType: type } }
    if (!userEvent.Check(body)) throw toInvalid(userEvent.Errors(body))
    const occurredAt = toInstant(body.occurredAt)
    if (occurredAt === undefined) throw invalid('occurredAt is not a time')
    const { user } = body
    const email = toCanonicalEmail(user.email ?? '')
    const externalId = user.id ?? (email && addressRecordId(email))
    if (!externalId && !user.email) throw invalid('user has neither id nor email')

    const event = { id, type, occurredAt, payload: toPayload(body) }
    if (!externalId || (user.email && !email))
      return { ...event, changes: [], refusal: new FirstloginError('FL_EMAIL_INVALID') }
    return { ...event, changes: toChanges(body, externalId, occurredAt, delivery.log ?? log) }
  }

  function toChanges(
    { eventId, eventType, user }: UserEvent,
    externalId: string,
    occurredAt: number,
    say: Log,
  ): Change[] {
    const about = { upstream: 'airtable', externalId, stamp: { at: occurredAt, event: eventId } }
    if (eventType === 'user.deleted') return [{ type: 'user.deleted', ...about }]
    const { passwordHash, ...told } = user
    // A password belongs to a record: an address may pass to somebody else.
    const isAboutRecord = user.id !== undefined && user.id !== null && passwordHash !== undefined
    const { fields, hasUnknownStatus } = toFields(
      isAboutRecord ? { ...told, passwordHash } : told,
      env,
      (reason, details) => say('warn', reason, { record: user.id ?? undefined, eventId, ...details }),
    )
    const created = eventType === 'user.created'
    const isUnverified = fields.emailVerified === false
    const change: Change = {
      type: 'user.upserted',
      created,
      fields,
      ...about,
      ...(isUnverified && { isUnverified }),
    }
    return hasUnknownStatus ? [toUnknownStatus(externalId), change] : [change]
  }

  return {
    path: '/users/inbound',
    signatureHeader: 'x-signature',
    summary: 'Tell that a person was created, updated or deleted',
    body: EventEnvelope,
    isOptIn: true,
    verifyHeaders: (headers) => verifySignatureHeaders(headers, keys),
    verify: (bytes, headers) => verifySignature(bytes, headers, keys, clock()),
    read,
  }
}

/** The event again, as far as it may be kept. */
function toPayload({ eventId, eventType, occurredAt, user }: UserEvent): object {
  const { id, email, emailVerified, name, avatarUrl, status, role, organization } = user
  return {
    eventId,
    eventType,
    occurredAt,
    user: {
      id,
      email: email && toKeptEmail(email),
      emailVerified: toKeptWord(emailVerified),
      name: toKept(name),
      avatarUrl: toKept(avatarUrl),
      status: toKept(status),
      role: toKept(role),
      organization: toKeptTexts(organization),
    },
  }
}

/** What Postgres cannot keep is replaced by what no address may have either: read again, it is refused again. */
function toKeptEmail(email: string): string {
  return email.replaceAll(/[\0\p{Cs}]/gu, '\u0001')
}

/** What is neither yes nor no as a word or a boolean means no. */
function toKeptWord(value: unknown): string | boolean | undefined {
  return typeof value === 'boolean' || value === undefined ? value : (toText(value, 20) ?? '')
}

/** Texts and lists of them; whatever else there is cannot be read, now or later. */
function toKeptTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toKeptTexts)
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return value
  return typeof value === 'string' ? toKept(value) : {}
}

/** Postgres keeps neither a NUL nor half of a surrogate pair. */
function toKept(text: string | null | undefined): string | null | undefined {
  return text?.toWellFormed().replaceAll('\0', '\ufffd') ?? text
}

function invalid(detail: string): FirstloginError {
  return new FirstloginError('FL_PAYLOAD_INVALID', { detail })
}

/** The place and the rule, never the value. */
function toInvalid(errors: { instancePath: string; message: string }[]): FirstloginError {
  const [first] = errors
  return invalid(`${first?.instancePath.slice(1).replaceAll('/', '.') ?? ''} ${first?.message ?? ''}`.trim())
}
