import { type Static, type TSchema, Type } from 'typebox'

/** Users have UUIDs. */
export const UserId = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' })
/** Whoever makes a tenant may choose its id. */
export const TenantId = Type.String({ pattern: '^[\\x21-\\x7e]{1,200}$' })

const RoleId = Type.String({ minLength: 1, maxLength: 200 })

function maybe<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}

export const VendorLogin = Type.Object({
  token: Type.String({ minLength: 1 }),
  expiresIn: Type.Number({ exclusiveMinimum: 0 }),
})

export const Role = Type.Object({ id: RoleId, key: Type.String(), name: maybe(Type.String()) })
export type Role = Static<typeof Role>

/** Listings leave the roles out, users alone have them. */
const Tenancy = Type.Object({
  tenantId: TenantId,
  isDisabled: maybe(Type.Boolean()),
  roles: maybe(Type.Array(Role)),
})

export const FronteggUser = Type.Object({
  id: UserId,
  email: maybe(Type.String()),
  name: maybe(Type.String()),
  verified: maybe(Type.Boolean()),
  isLocked: maybe(Type.Boolean()),
  profilePictureUrl: maybe(Type.String()),
  updatedAt: maybe(Type.String()),
  tenants: maybe(Type.Array(Tenancy)),
  tenantIds: maybe(Type.Array(TenantId)),
})
export type FronteggUser = Static<typeof FronteggUser>

export const Tenant = Type.Object({
  tenantId: TenantId,
  name: maybe(Type.String()),
  updatedAt: maybe(Type.String()),
  deletedAt: maybe(Type.String()),
  /** A JSON text. */
  metadata: Type.Optional(Type.Unknown()),
})
export type Tenant = Static<typeof Tenant>

export const UserPage = Type.Object({ items: Type.Array(FronteggUser) })
export const TenantPage = Type.Object({ items: Type.Array(Tenant) })
export const TenantList = Type.Array(Tenant)
export const RoleList = Type.Array(Role)

/** Which roles people have in one tenant. */
export const RoleGrants = Type.Array(Type.Object({ userId: UserId, roleIds: Type.Array(RoleId) }))
