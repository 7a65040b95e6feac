import { type Static, Type } from 'typebox'
import { Nullable } from './nullable.ts'

/** An event that could not be applied; `payload` is what was kept of it, without secrets and hashes. */
export const FailedEvent = Type.Object({
  source: Type.String(),
  eventId: Type.String(),
  eventType: Type.String(),
  occurredAt: Type.String({ format: 'date-time' }),
  receivedAt: Type.String({ format: 'date-time' }),
  reason: Nullable(Type.String()),
  attempts: Type.Integer(),
  payload: Type.Unknown(),
})
export type FailedEvent = Static<typeof FailedEvent>

/** `next` goes into `before` for the next page. */
export const FailedEventPage = Type.Object({
  events: Type.Array(FailedEvent),
  next: Nullable(Type.String({ format: 'date-time' })),
})
export type FailedEventPage = Static<typeof FailedEventPage>

export const FailedEventQuery = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  before: Type.Optional(
    Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T[\\d:.]{8,15}Z$', description: 'ISO 8601' }),
  ),
})

export const FailedEventName = Type.Object({
  source: Type.String({ maxLength: 64 }),
  eventId: Type.String({ maxLength: 255 }),
})

/** What the event came to, or the code of why it failed again. */
export const ReplayReply = Type.Object({ result: Type.String() })
export type ReplayReply = Static<typeof ReplayReply>
