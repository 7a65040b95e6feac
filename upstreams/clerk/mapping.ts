import {
  type MembershipUpserted,
  type OrganizationUpserted,
  type PersonFields,
  toMembershipName,
  type UserUpserted,
} from '../../domain/change.ts'
import type { RoleWords } from '../../domain/grant.ts'
import { toStorableObject } from '../../domain/json.ts'
import { toText } from '../text.ts'
import type { ClerkMembership, ClerkOrganization, ClerkUser, PublicUserData } from './records.ts'
import { toClerkGrant } from './roles.ts'

export const upstream = 'clerk'

/** How something was told. */
export interface Telling {
  event: string
  /** It has just come to be. */
  created: boolean
  /** When it was read, where it was read. Milliseconds since 1970. */
  readAt?: number
}

export function toReading(readAt: number): Telling & { readAt: number } {
  // A read of the same version may see more of it than an earlier read did: the later one wins the tie.
  return { event: `read ${new Date(readAt).toISOString()}`, created: false, readAt }
}

export function toUserChange(user: ClerkUser, telling: Telling): UserUpserted {
  const { email, isVouched } = toEmail(user)
  // `locked` closes Clerk's own sign-in form for a while, which any stranger can cause by guessing: it says nothing of the user.
  const isDisabled = user.banned === true || user.deprovisioned === true
  return {
    type: 'user.upserted',
    externalId: user.id,
    isAccount: true,
    ...toNews(user.updated_at, telling),
    ...(email && !isVouched && { isUnverified: true }),
    fields: {
      ...(email !== undefined && { email, emailVerified: isVouched }),
      ...toNames(user),
      status: isDisabled ? 'disabled' : 'active',
    },
  }
}

export function toOrganizationChange(
  organization: ClerkOrganization,
  telling: Telling,
): OrganizationUpserted {
  const name = toText(organization.name)
  const slug = toText(organization.slug)
  const settings = toStorableObject(organization.public_metadata)
  return {
    type: 'organization.upserted',
    externalId: organization.id,
    ...toNews(organization.updated_at, telling),
    fields: { ...(name && { name }), ...(slug && { slug }), ...(settings && { settings }) },
  }
}

/** What a membership says of who is its member: no more than what everybody may see. */
export function toMemberChange(member: PublicUserData, updatedAt: number, telling: Telling): UserUpserted {
  return {
    type: 'user.upserted',
    externalId: member.user_id,
    isAccount: true,
    ...toNews(updatedAt, telling),
    fields: toNames(member),
  }
}

export function toMembershipChange(
  { organization, role, updated_at: updatedAt }: ClerkMembership,
  member: PublicUserData,
  own: RoleWords,
  telling: Telling,
): MembershipUpserted {
  return {
    type: 'membership.upserted',
    ...toNews(updatedAt, telling),
    ...toMembershipName(upstream, organization.id, member.user_id),
    fields: { grant: toClerkGrant([role], own) },
  }
}

function toNews(updatedAt: number, { event, created, readAt }: Telling) {
  return {
    upstream,
    created,
    stamp: { at: Math.min(updatedAt, readAt ?? updatedAt), event },
    ...(readAt !== undefined && { readAt }),
  }
}

/** The primary address: empty when there is none, undefined when it was not told which one it is. */
function toEmail(user: ClerkUser): { email?: string; isVouched: boolean } {
  const { primary_email_address_id: primaryId, email_addresses: addresses } = user
  if (primaryId === null) return { email: '', isVouched: false }
  const primary = primaryId && addresses?.find(({ id }) => id === primaryId)
  // Never cut: what is too long is refused, and must not turn into somebody else's.
  const email = primary && toText(primary.email_address, Number.POSITIVE_INFINITY)
  if (!primary || !email) return { isVouched: false }
  return { email, isVouched: primary.verification?.status === 'verified' && primary.reserved !== true }
}

function toNames(told: Omit<PublicUserData, 'user_id'>): Pick<Partial<PersonFields>, 'name' | 'avatarUrl'> {
  const { first_name: first, last_name: last, image_url: image } = told
  const parts = [toText(first), toText(last)].filter((part) => part)
  return {
    ...((first !== undefined || last !== undefined) && { name: toText(parts.join(' ')) || null }),
    ...(image !== undefined && { avatarUrl: toText(image) || null }),
  }
}
