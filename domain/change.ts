import type { Role, UserStatus } from '../schemas/user.ts'
import type { Stamp } from './stamp.ts'

/**
 * The fields of a person that an upstream can speak of. Whoever shares an `email` becomes one person: an adapter leaves
 * out an address that its upstream does not vouch for.
 */
export interface PersonFields {
  email: string
  emailVerified: boolean
  name: string | null
  avatarUrl: string | null
  status: Exclude<UserStatus, 'deleted'>
  role: Role
  passwordHash: string | null
}

export type FieldName = keyof PersonFields

export const fieldNames = [
  'email',
  'emailVerified',
  'name',
  'avatarUrl',
  'status',
  'role',
  'passwordHash',
] as const satisfies readonly FieldName[]

interface News {
  upstream: string
  externalId: string
  stamp: Stamp
}

/** One record as an upstream described it: only the fields that it knows. `created` revives a deleted record. */
export interface UserUpserted extends News {
  type: 'user.upserted'
  created: boolean
  fields: Partial<PersonFields>
  /** When the record was read, which may be long after its last change. Milliseconds since 1970. */
  readAt?: number
}

export interface UserDeleted extends News {
  type: 'user.deleted'
}

/** A complete listing did not have the record: its person is disabled until it is seen again. */
export interface UserVanished extends News {
  type: 'user.vanished'
}

/** What every upstream says in, whether asked, pushed, or read from a token. */
export type Change = UserUpserted | UserDeleted | UserVanished
