import { type Static, Type } from 'typebox'
import { Nullable } from './nullable.ts'
import { Role, User } from './user.ts'

const ActiveOrDisabled = Type.Union([Type.Literal('active'), Type.Literal('disabled')])

/** Null lifts the override of a field; a field that is missing stays as it is. */
export const UserPatch = Type.Object(
  {
    status: Type.Optional(Nullable(ActiveOrDisabled)),
    role: Type.Optional(Nullable(Role)),
  },
  { additionalProperties: false, minProperties: 1 },
)
export type UserPatch = Static<typeof UserPatch>

export const UserName = Type.Object({ id: Type.String({ format: 'uuid' }) })
export type UserName = Static<typeof UserName>

/** Where a value came from. */
export const ValueSource = Type.Object({
  source: Type.String({ description: '`local`, `operator`, or an upstream' }),
  externalId: Type.Optional(Type.String({ description: 'the record' })),
  event: Type.String(),
  at: Type.String({ format: 'date-time' }),
})
export type ValueSource = Static<typeof ValueSource>

export const UserOverride = Type.Object({
  value: Type.String(),
  at: Type.String({ format: 'date-time' }),
  by: Type.String({ description: 'the id of a user, or `command line`' }),
  without: Type.String({ description: 'the value that the field has once the override is lifted' }),
})
export type UserOverride = Static<typeof UserOverride>

/** A user with the source of each value, and with what operators decided. */
export const AdminUser = Type.Object({
  user: User,
  provenance: Type.Record(Type.String(), ValueSource),
  overrides: Type.Object({ status: Type.Optional(UserOverride), role: Type.Optional(UserOverride) }),
  replacedBy: Nullable(Type.String({ format: 'uuid', description: 'the user that this one has become' })),
})
export type AdminUser = Static<typeof AdminUser>
