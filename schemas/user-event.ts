import { type Static, Type } from 'typebox'
import { Nullable } from './nullable.ts'

const Text = Type.Optional(Nullable(Type.String({ maxLength: 4096 })))

/** What one event says of a person; a key that is missing is not spoken of. Further keys are ignored. */
export const EventUser = Type.Object({
  id: Type.Optional(
    Nullable(
      Type.String({
        // Address records are ours to name.
        pattern: '^(?!mailto:)[\\x21-\\x7e]{1,255}$',
        description: "the upstream's id; may be missing where there is an e-mail",
      }),
    ),
  ),
  email: Type.Optional(Nullable(Type.String({ maxLength: 1024 }))),
  emailVerified: Type.Optional(
    Type.Unknown({
      description: 'true or yes; heard where AIRTABLE_FIELDS names a column for it, and needed there',
    }),
  ),
  name: Text,
  avatarUrl: Text,
  status: Text,
  role: Text,
  organization: Type.Optional(
    Type.Unknown({
      description: 'the name of one, or a list; heard where AIRTABLE_FIELDS names a column for it',
    }),
  ),
  passwordHash: Text,
})
export type EventUser = Static<typeof EventUser>

/** What every event has, whether its type is known or not. */
export const EventEnvelope = Type.Object({
  eventId: Type.String({
    pattern: '^[\\x20-\\x7e]{1,255}$',
    description: 'the same on every attempt, and never used for anything else',
  }),
  eventType: Type.String({
    pattern: '^[\\x20-\\x7e]{1,128}$',
    description: 'user.created, user.updated or user.deleted; others are ignored',
  }),
  occurredAt: Type.Optional(Type.Unknown({ description: 'ISO 8601 with an offset' })),
  user: Type.Optional(
    Type.Unknown({ description: 'id, email, name, avatarUrl, status, role, organization' }),
  ),
})
export type EventEnvelope = Static<typeof EventEnvelope>

export const UserEvent = Type.Object({
  eventId: EventEnvelope.properties.eventId,
  eventType: Type.Union([
    Type.Literal('user.created'),
    Type.Literal('user.updated'),
    Type.Literal('user.deleted'),
  ]),
  occurredAt: Type.String({
    pattern: '^\\d{4}-\\d{2}-\\d{2}[Tt ]\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?([Zz]|[+-]\\d{2}:\\d{2})$',
  }),
  user: EventUser,
})
export type UserEvent = Static<typeof UserEvent>

export const EventResult = Type.Union([
  Type.Literal('processed'),
  Type.Literal('replayed'),
  Type.Literal('stale'),
  Type.Literal('ignored'),
])
export type EventResult = Static<typeof EventResult>

export const EventReply = Type.Object({ result: EventResult, eventId: Type.String() })
export type EventReply = Static<typeof EventReply>
