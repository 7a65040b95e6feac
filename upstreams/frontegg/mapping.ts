import {
  type MembershipChange,
  type OrganizationUpserted,
  type PersonFields,
  toMembershipName,
  type UserUpserted,
} from '../../domain/change.ts'
import { toInstant } from '../../domain/instant.ts'
import { isDeeperThan, maxDepth, toStorableObject } from '../../domain/json.ts'
import type { Stamp } from '../../domain/stamp.ts'
import { toText } from '../text.ts'
import type { FronteggUser, Role, Tenant } from './answers.ts'
import type { FronteggEnv } from './env.ts'
import { toRoleGrant } from './words.ts'

const upstream = 'frontegg'

/** What a user who was just read says of themselves. */
export function toUserChange(user: FronteggUser, readAt: number, created = false): UserUpserted {
  const fields = toPersonFields({ ...user, emailVerified: user.verified })
  if (typeof user.isLocked === 'boolean') fields.status = user.isLocked ? 'disabled' : 'active'
  return {
    type: 'user.upserted',
    upstream,
    externalId: user.id,
    isAccount: true,
    ...(user.verified !== true && { isUnverified: true }),
    created,
    fields,
    readAt,
    stamp: toReadStamp(user.updatedAt, readAt),
  }
}

/** What was told of a person, by an answer or by a token. What is missing was not told. */
export interface Told {
  email?: unknown
  emailVerified?: unknown
  name?: unknown
  profilePictureUrl?: unknown
}

export function toPersonFields(told: Told): Partial<PersonFields> {
  const fields: Partial<PersonFields> = {}
  // Never cut: what is too long is refused, and must not turn into somebody else's.
  if (told.email !== undefined) fields.email = toText(told.email, Number.POSITIVE_INFINITY) ?? ''
  if (typeof told.emailVerified === 'boolean') fields.emailVerified = told.emailVerified
  if (isTextOrNone(told.name)) fields.name = toText(told.name) || null
  if (isTextOrNone(told.profilePictureUrl)) fields.avatarUrl = toText(told.profilePictureUrl) || null
  return fields
}

/** A template can fill a claim with anything. */
function isTextOrNone(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

export function toOrganizationChange(tenant: Tenant, readAt: number, created = false): OrganizationUpserted {
  const name = toText(tenant.name)
  const settings = toStorableObject(toMetadata(tenant.metadata))
  return {
    type: 'organization.upserted',
    upstream,
    externalId: tenant.tenantId,
    created,
    fields: { ...(name && { name }), ...(settings && { settings }) },
    readAt,
    stamp: toReadStamp(tenant.updatedAt, readAt),
  }
}

/** Webhooks and the API write it as a JSON text. */
function toMetadata(metadata: unknown): unknown {
  if (typeof metadata !== 'string' || isDeeperThan(maxDepth, metadata)) return undefined
  try {
    return JSON.parse(metadata)
  } catch {
    return undefined
  }
}

export interface Tenancy {
  tenantId: string
  isDisabled: boolean
}

/** In which tenants a user is. A listing of an older kind has the ids alone. */
export function toTenancies({ tenants, tenantIds }: FronteggUser): Tenancy[] {
  return (
    tenants?.map(({ tenantId, isDisabled }) => ({ tenantId, isDisabled: isDisabled === true })) ??
    tenantIds?.map((tenantId) => ({ tenantId, isDisabled: false })) ??
    []
  )
}

/** Without roles it says that they are a member, and somebody else what of. */
export function toMembershipChange(
  userId: string,
  { tenantId, isDisabled }: Tenancy,
  roles: readonly Role[] | undefined,
  env: Pick<FronteggEnv, 'FRONTEGG_ROLE_MAP'>,
  readAt: number,
): MembershipChange {
  const about = { ...toMembershipName(upstream, tenantId, userId), stamp: toReadStamp(undefined, readAt) }
  if (isDisabled) return { type: 'membership.vanished', ...about }
  const fields = roles ? { grant: toRoleGrant(roles, env.FRONTEGG_ROLE_MAP) } : {}
  return { type: 'membership.upserted', ...about, created: true, fields, readAt }
}

/** The record's own time, as far as it has one that has come. A later read of the same version wins the tie. */
export function toReadStamp(updatedAt: string | null | undefined, readAt: number): Stamp {
  const at = toInstant(updatedAt ?? '') ?? readAt
  return { at: Math.min(at, readAt), event: `read ${new Date(readAt).toISOString()}` }
}
