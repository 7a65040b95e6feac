import { blankOrganization, blankUser, emailAddress, newId } from './blanks.ts'
import type { ClerkOrganization, ClerkUser, KeptMembership } from './records.ts'

/** `email` is short for one verified address that is the primary one. */
export type UserEdit = Partial<ClerkUser> & { id: string; email?: string }
export type OrganizationEdit = Partial<ClerkOrganization> & { id: string }
export type MembershipName = { organization: string; user: string }
export type MembershipEdit = Partial<KeptMembership> & MembershipName
export type ClerkMembership = ReturnType<Store['showMembership']>

export interface EditOptions {
  /** Nobody is told. */
  isQuiet?: boolean
}

type Tell = (type: string, data: object) => void

const systemPermissions = ['org:sys_profile:manage', 'org:sys_memberships:read']

/** Everybody that an instance of Clerk has, in the order in which they came. */
export class Store {
  readonly users = new Map<string, ClerkUser>()
  readonly organizations = new Map<string, ClerkOrganization>()
  readonly memberships = new Map<string, KeptMembership>()
  readonly #clock: () => number
  readonly #tell: Tell

  constructor(clock: () => number, tell: Tell) {
    this.#clock = clock
    this.#tell = tell
  }

  putUser({ email, ...edit }: UserEdit, options: EditOptions = {}): ClerkUser {
    const known = this.users.get(edit.id)
    const at = this.#editedAt(known)
    const address = email === undefined ? undefined : emailAddress(email, { created_at: at, updated_at: at })
    const user = {
      ...(known ?? blankUser(edit.id, at)),
      updated_at: at,
      ...(address && { email_addresses: [address], primary_email_address_id: address.id }),
      ...edit,
    }
    this.users.set(user.id, user)
    this.#announce(known ? 'user.updated' : 'user.created', user, options)
    return user
  }

  removeUser(id: string, options: EditOptions = {}): boolean {
    const user = this.users.get(id)
    if (!user) return false
    this.users.delete(id)
    this.#forget((membership) => membership.user === id)
    const external = user.external_id === null ? {} : { external_id: user.external_id }
    this.#announce('user.deleted', { object: 'user', id, deleted: true, ...external }, options)
    return true
  }

  putOrganization(edit: OrganizationEdit, options: EditOptions = {}): ClerkOrganization {
    const known = this.organizations.get(edit.id)
    const at = this.#editedAt(known)
    const organization = { ...(known ?? blankOrganization(edit.id, at)), updated_at: at, ...edit }
    this.organizations.set(edit.id, organization)
    this.#announce(known ? 'organization.updated' : 'organization.created', organization, options)
    return this.showOrganization(organization)
  }

  removeOrganization(id: string, options: EditOptions = {}): boolean {
    const known = this.organizations.get(id)
    if (!known) return false
    this.organizations.delete(id)
    this.#forget((membership) => membership.organization === id)
    const { slug } = known
    this.#announce('organization.deleted', { object: 'organization', id, slug, deleted: true }, options)
    return true
  }

  putMembership(edit: MembershipEdit, options: EditOptions = {}): ClerkMembership {
    const key = keyOf(edit)
    const known = this.memberships.get(key)
    const at = this.#editedAt(known)
    const blank = { id: newId('orgmem'), role: 'org:member', permissions: systemPermissions, created_at: at }
    const membership = { ...(known ?? blank), updated_at: at, ...edit }
    this.memberships.set(key, membership)
    const shown = this.showMembership(membership)
    this.#announce(`organizationMembership.${known ? 'updated' : 'created'}`, shown, options)
    return shown
  }

  removeMembership(name: MembershipName, options: EditOptions = {}): boolean {
    const known = this.memberships.get(keyOf(name))
    if (!known) return false
    const shown = this.showMembership(known)
    this.memberships.delete(keyOf(name))
    this.#announce('organizationMembership.deleted', shown, options)
    return true
  }

  showOrganization(organization: ClerkOrganization): ClerkOrganization {
    const members = [...this.memberships.values()].filter((one) => one.organization === organization.id)
    return { ...organization, members_count: members.length }
  }

  /** A membership as it goes over the wire. */
  showMembership({ organization: organizationId, user: userId, ...membership }: KeptMembership) {
    const user = this.users.get(userId) ?? blankUser(userId, 0)
    const organization = this.organizations.get(organizationId) ?? blankOrganization(organizationId, 0)
    const [identifier] = [...user.email_addresses.map((one) => one.email_address), user.username]
    return {
      object: 'organization_membership' as const,
      ...membership,
      role_name: membership.role.replace(/^org:/, ''),
      public_metadata: {},
      private_metadata: {},
      organization: this.showOrganization(organization),
      public_user_data: {
        user_id: userId,
        first_name: user.first_name,
        last_name: user.last_name,
        image_url: user.image_url,
        profile_image_url: user.profile_image_url,
        has_image: user.has_image,
        identifier: identifier ?? user.phone_numbers[0]?.phone_number ?? null,
        username: user.username,
        banned: user.banned,
      },
    }
  }

  #announce(type: string, data: object, { isQuiet = false }: EditOptions): void {
    if (!isQuiet) this.#tell(type, data)
  }

  /** Every version has a time of its own. */
  #editedAt(known: { updated_at: number } | undefined): number {
    return known ? Math.max(this.#clock(), known.updated_at + 1) : this.#clock()
  }

  #forget(isGone: (membership: KeptMembership) => boolean): void {
    for (const [key, membership] of this.memberships) if (isGone(membership)) this.memberships.delete(key)
  }
}

function keyOf({ organization, user }: MembershipName): string {
  return `${organization} ${user}`
}
