import { type Static, Type } from 'typebox'
import { Nullable } from './nullable.ts'

export const UserStatus = Type.Union([
  Type.Literal('active'),
  Type.Literal('disabled'),
  Type.Literal('deleted'),
])
export type UserStatus = Static<typeof UserStatus>

/** From the strongest to the weakest. */
export const Role = Type.Union([
  Type.Literal('owner'),
  Type.Literal('admin'),
  Type.Literal('member'),
  Type.Literal('viewer'),
])
export type Role = Static<typeof Role>

/** A person as the API shows them; times are ISO 8601 in UTC. */
export const User = Type.Object({
  id: Type.String({ format: 'uuid' }),
  email: Type.String(),
  name: Nullable(Type.String()),
  avatarUrl: Nullable(Type.String()),
  emailVerified: Type.Boolean(),
  status: UserStatus,
  role: Role,
  createdAt: Type.String({ format: 'date-time' }),
  lastLoginAt: Nullable(Type.String({ format: 'date-time' })),
})
export type User = Static<typeof User>
