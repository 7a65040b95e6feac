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
export const FailedEventPage = Type.Object({ events: Type.Array(FailedEvent), next: Nullable(Type.String()) })
export type FailedEventPage = Static<typeof FailedEventPage>

export const FailedEventQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: '50 unless told' })),
  before: Type.Optional(
    Type.String({
      pattern: '^2\\d{3}-[\\d:.T-]{18}Z [\\x21-\\x7e]+ [\\x20-\\x7e]+$',
      description: '`next` of a page',
    }),
  ),
})

/** In a body and not in the address: an id may be longer than a part of an address. */
export const FailedEventName = Type.Object({
  source: Type.String({ pattern: '^[\\x21-\\x7e]{1,64}$' }),
  eventId: Type.String({ pattern: '^[\\x20-\\x7e]{1,255}$' }),
})
export type FailedEventName = Static<typeof FailedEventName>

/** What the event came to, or the code of why it failed again. */
export const ReplayReply = Type.Object({ result: Type.String() })
export type ReplayReply = Static<typeof ReplayReply>
