import type { Role, UserStatus } from '../schemas/user.ts'
import type { Grant } from './grant.ts'
import type { OrganizationRef } from './organization-ref.ts'
import type { Stamp } from './stamp.ts'

/** The fields of a person that an upstream can speak of. Records that share a verified `email` become one person. */
export interface PersonFields {
  /** Empty when upstream says that there is none. */
  email: string
  emailVerified: boolean
  name: string | null
  avatarUrl: string | null
  status: Exclude<UserStatus, 'deleted'>
  role: Role
  passwordHash: string | null
}

/** The fields of a record: what it says of its person, and where the person belongs. */
export interface RecordFields extends PersonFields {
  /**
   * All organizations that the record names; none means the default one. Upstreams that tell memberships of their own leave it
   * out.
   */
  organizations: OrganizationRef[]
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

export interface OrganizationFields {
  name: string
  /** What upstream calls it in addresses. */
  slug: string
  /** What upstream keeps of it for everybody to see. */
  settings: object
}

export interface MembershipFields {
  grant: Grant
}

interface News {
  upstream: string
  externalId: string
  stamp: Stamp
}

/** Only the fields that upstream named. `created` revives what was deleted. */
interface Upserted<Fields> extends News {
  created: boolean
  fields: Partial<Fields>
  /** When it was read, which may be long after its last change. Milliseconds since 1970. */
  readAt?: number
  /** When upstream made the record. Milliseconds since 1970. */
  bornAt?: number
}

/** One record as an upstream described it. */
export interface UserUpserted extends Upserted<RecordFields> {
  type: 'user.upserted'
  /** An account that its upstream signs in: it stands for a person with or without an address. */
  isAccount?: true
  /**
   * Upstream has not verified the address. An account is then found by its id alone, and the address is only shown; any
   * other record is found by the address while no record with a verified one is there.
   */
  isUnverified?: true
}

export interface UserDeleted extends News {
  type: 'user.deleted'
}

/** A complete listing did not have the record: its person is disabled until it is seen again. */
export interface UserVanished extends News {
  type: 'user.vanished'
}

export interface OrganizationUpserted extends Upserted<OrganizationFields> {
  type: 'organization.upserted'
}

export interface OrganizationDeleted extends News {
  type: 'organization.deleted'
}

/** Whose membership of what, by the ids upstream; `externalId` is made of both. */
export interface MembershipName {
  upstream: string
  externalId: string
  organization: string
  user: string
}

/** Makes the user and the organization where they are not there yet. */
export interface MembershipUpserted extends Upserted<MembershipFields>, MembershipName {
  type: 'membership.upserted'
}

export interface MembershipDeleted extends News, MembershipName {
  type: 'membership.deleted'
}

/** A complete listing did not have it: it is not active until it is seen again. */
export interface MembershipVanished extends News, MembershipName {
  type: 'membership.vanished'
}

export type UserChange = UserUpserted | UserDeleted | UserVanished
export type OrganizationChange = OrganizationUpserted | OrganizationDeleted
export type MembershipChange = MembershipUpserted | MembershipDeleted | MembershipVanished

/** What every upstream says in, whether asked, pushed, or read from a token. */
export type Change = UserChange | OrganizationChange | MembershipChange

export function toMembershipName(upstream: string, organization: string, user: string): MembershipName {
  return { upstream, organization, user, externalId: `${organization} ${user}` }
}

/** The same of an `externalId`: neither part of it has a blank. */
export function readMembershipName(upstream: string, externalId: string): MembershipName {
  const [organization = '', user = ''] = externalId.split(' ')
  return { upstream, externalId, organization, user }
}

export function isUserChange(change: Change): change is UserChange {
  return change.type.startsWith('user.')
}
