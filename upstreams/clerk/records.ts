import { type Static, type TSchema, Type } from 'typebox'

/** What may be null, or missing altogether. */
export const Maybe = <Schema extends TSchema>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

/** An id that can be a key. */
export const Id = Type.String({ pattern: '^[\\x21-\\x7e]{1,200}$' })

/** Until the year 9999. */
export const Moment = Type.Integer({ minimum: 0, maximum: 253_402_300_799_999 })

const Names = {
  first_name: Maybe(Type.String()),
  last_name: Maybe(Type.String()),
  image_url: Maybe(Type.String()),
}

const EmailAddress = Type.Object({
  id: Maybe(Id),
  email_address: Type.String(),
  reserved: Maybe(Type.Boolean()),
  verification: Maybe(Type.Object({ status: Maybe(Type.String()) })),
})

export const ClerkUser = Type.Object({
  id: Id,
  ...Names,
  primary_email_address_id: Maybe(Id),
  email_addresses: Maybe(Type.Array(EmailAddress)),
  banned: Maybe(Type.Boolean()),
  locked: Maybe(Type.Boolean()),
  deprovisioned: Maybe(Type.Boolean()),
  /** Milliseconds, here and below. */
  updated_at: Moment,
})
export type ClerkUser = Static<typeof ClerkUser>

export const ClerkOrganization = Type.Object({
  id: Id,
  name: Maybe(Type.String()),
  slug: Maybe(Type.String()),
  /** Of any shape: what cannot be stored must not keep the event from arriving. */
  public_metadata: Type.Optional(Type.Unknown()),
  updated_at: Moment,
})
export type ClerkOrganization = Static<typeof ClerkOrganization>

/** Its `identifier` is no address that could be relied on, and is not read. */
export const PublicUserData = Type.Object({ user_id: Id, ...Names })
export type PublicUserData = Static<typeof PublicUserData>

export const ClerkMembership = Type.Object({
  role: Type.String(),
  organization: ClerkOrganization,
  public_user_data: Maybe(PublicUserData),
  updated_at: Moment,
})
export type ClerkMembership = Static<typeof ClerkMembership>

/** All that is left of what was deleted. Clerk does not promise the id. */
export const Deleted = Type.Object({ id: Maybe(Id) })
export type Deleted = Static<typeof Deleted>
