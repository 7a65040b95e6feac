import { toStorableObject } from '../../domain/json.ts'
import { toText } from '../text.ts'
import type { ClerkMembership, ClerkOrganization, ClerkUser, PublicUserData } from './records.ts'

/** Of a person's addresses the primary one alone. */
export function toKeptUser(user: ClerkUser): object {
  const { id, primary_email_address_id: primaryId, banned, locked, deprovisioned } = user
  const { email_addresses: addresses, updated_at } = user
  return {
    id,
    ...toKeptNames(user),
    primary_email_address_id: primaryId,
    email_addresses: addresses
      ?.filter((address) => primaryId && address.id === primaryId)
      .map((address) => ({
        id: address.id,
        email_address: toText(address.email_address, Number.POSITIVE_INFINITY),
        reserved: address.reserved,
        verification: address.verification && { status: toKeptText(address.verification.status) },
      })),
    banned,
    locked,
    deprovisioned,
    updated_at,
  }
}

export function toKeptOrganization(organization: ClerkOrganization): object {
  const { id, name, slug, public_metadata: metadata, updated_at } = organization
  return {
    id,
    name: toKeptText(name),
    slug: toKeptText(slug),
    public_metadata: toStorableObject(metadata),
    updated_at,
  }
}

export function toKeptMembership(membership: ClerkMembership): object {
  const { role, organization, public_user_data: member, updated_at } = membership
  return {
    role: toText(role),
    organization: toKeptOrganization(organization),
    public_user_data: member && { user_id: member.user_id, ...toKeptNames(member) },
    updated_at,
  }
}

function toKeptNames({ first_name, last_name, image_url }: Omit<PublicUserData, 'user_id'>): object {
  return {
    first_name: toKeptText(first_name),
    last_name: toKeptText(last_name),
    image_url: toKeptText(image_url),
  }
}

/** Null says something else than nothing at all. */
function toKeptText(text: string | null | undefined): string | null | undefined {
  return typeof text === 'string' ? toText(text) : text
}
