import { type Static, Type } from 'typebox'

export const CreatedWebhook = Type.Object({
  id: Type.String({ pattern: '^ach[A-Za-z0-9]{14}$' }),
  macSecretBase64: Type.String({ minLength: 1 }),
})

export const WebhookList = Type.Object({
  webhooks: Type.Array(
    Type.Object({
      id: Type.String(),
      notificationUrl: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      areNotificationsEnabled: Type.Optional(Type.Boolean()),
      isHookEnabled: Type.Optional(Type.Boolean()),
      expirationTime: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  ),
})

const RecordId = Type.String({ pattern: '^rec[A-Za-z0-9]{14}$' })
const Records = Type.Record(RecordId, Type.Unknown())

/** As far as it is of interest: which records came, changed and went. Any key may be missing. */
export const Payload = Type.Object({
  timestamp: Type.Optional(Type.String()),
  changedTablesById: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        createdRecordsById: Type.Optional(Records),
        changedRecordsById: Type.Optional(Records),
        destroyedRecordIds: Type.Optional(Type.Array(RecordId)),
      }),
    ),
  ),
  error: Type.Optional(Type.Boolean()),
  code: Type.Optional(Type.String()),
})
export type Payload = Static<typeof Payload>

export const PayloadPage = Type.Object({
  payloads: Type.Array(Payload),
  cursor: Type.Integer({ minimum: 1 }),
  mightHaveMore: Type.Boolean(),
})
export type PayloadPage = Static<typeof PayloadPage>

export const Ping = Type.Object({
  base: Type.Object({ id: Type.String() }),
  webhook: Type.Object({ id: Type.String() }),
  timestamp: Type.String(),
})

export const TableList = Type.Object({
  tables: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
})
