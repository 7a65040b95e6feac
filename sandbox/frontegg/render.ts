import type { StandInRole, StandInTenant, StandInUser, World } from './world.ts'

const vendorId = '4b0c7d1e-98d4-4e61-8c3f-9d4c5e6f7081'

/** A user as every answer has one. */
function toUser(world: World, user: StandInUser) {
  const tenantIds = world.memberships.of(user.id).map(({ tenantId }) => tenantId)
  return {
    ...user,
    sub: user.id,
    provider: 'local',
    mfaEnrolled: false,
    mfaBypass: false,
    phoneNumber: null,
    metadata: '{}',
    vendorMetadata: null,
    tenantId: tenantIds[0] ?? null,
    tenantIds,
    activatedForTenant: null,
    managedBy: 'frontegg',
  }
}

/** A user of a listing: which tenants, but not with which roles. */
export function toListedUser(world: World, user: StandInUser): object {
  const tenants = world.memberships.of(user.id).map(({ tenantId, isDisabled }) => {
    return { tenantId, isDisabled, temporaryExpirationDate: null }
  })
  return { ...toUser(world, user), tenants }
}

/** A user alone: with the roles in each tenant. */
export function toWholeUser(world: World, user: StandInUser): object {
  const tenants = world.memberships.of(user.id).map(({ tenantId, roleIds, isDisabled }) => {
    return { tenantId, isDisabled, roles: roleIds.flatMap((id) => world.roles.get(id) ?? []).map(toRole) }
  })
  return { ...toUser(world, user), tenants }
}

export function toRole({ tenantId, ...role }: StandInRole): object {
  return { ...role, tenantId, vendorId, description: null, permissions: [] }
}

export function toTenant({ tenantId, ...tenant }: StandInTenant): object {
  const id = `${tenantId.slice(0, -1)}0`
  return { id, tenantId, vendorId, ...tenant, metadata: '{}', deletedAt: null, isReseller: false }
}

/** What a webhook tells: the user with the roles in one tenant. */
export function toEvent(
  world: World,
  eventKey: string,
  about: { userId?: string; tenantId?: string },
): object {
  const user = about.userId === undefined ? undefined : world.remembered(about.userId)
  const own = user ? world.memberships.of(user.id) : []
  const tenantId = about.tenantId ?? own[0]?.tenantId
  const roleIds = own.find((membership) => membership.tenantId === tenantId)?.roleIds ?? []
  const roles = roleIds.flatMap((id) => world.roles.get(id) ?? []).map(toRole)
  const tenant = tenantId === undefined ? undefined : world.tenants.get(tenantId)
  return {
    ...(user && { user: { ...toWholeUser(world, user), tenantId, roles, permissions: [] } }),
    ...(!user && tenant && { tenant: toTenant(tenant) }),
    eventContext: { tenantId, ...(user && { userId: user.id }) },
    eventKey,
  }
}
