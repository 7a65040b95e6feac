import { Compile } from 'typebox/compile'
import { type Change, toMembershipName } from '../../domain/change.ts'
import type { RoleWords } from '../../domain/grant.ts'
import type { Stamp } from '../../domain/stamp.ts'
import { toKeptMembership, toKeptOrganization, toKeptUser } from './kept.ts'
import {
  type Telling,
  toMemberChange,
  toMembershipChange,
  toOrganizationChange,
  toUserChange,
  upstream,
} from './mapping.ts'
import { ClerkMembership, ClerkOrganization, ClerkUser, Deleted } from './records.ts'

/** An event as far as it was read. */
export interface Occurrence {
  event: string
  /** Of the event itself. */
  stamp: Stamp
  roles: RoleWords
}

/** What an event says, and what of its data may be kept; or the place and the rule that its data breaks. */
export type EventReading =
  | { changes: Change[]; kept: object }
  | { unusable: string; kept: object }
  | { invalid: string }

export type ReadEvent = (data: unknown, occurrence: Occurrence) => EventReading

const user = Compile(ClerkUser)
const organization = Compile(ClerkOrganization)
const membership = Compile(ClerkMembership)
const deleted = Compile(Deleted)

const readUser =
  (created: boolean): ReadEvent =>
  (data, { event }) => {
    if (!user.Check(data)) return toInvalid(user.Errors(data))
    return { changes: [toUserChange(data, { event, created })], kept: toKeptUser(data) }
  }

const readOrganization =
  (created: boolean): ReadEvent =>
  (data, { event }) => {
    if (!organization.Check(data)) return toInvalid(organization.Errors(data))
    return { changes: [toOrganizationChange(data, { event, created })], kept: toKeptOrganization(data) }
  }

const readDeleted =
  (type: 'user.deleted' | 'organization.deleted'): ReadEvent =>
  (data, { stamp }) => {
    if (!deleted.Check(data)) return toInvalid(deleted.Errors(data))
    const { id } = data
    return { changes: id ? [{ type, upstream, externalId: id, stamp }] : [], kept: { id } }
  }

/** All three carry the whole membership, with its organization and what may be seen of its member. */
const readMembership =
  (what: 'created' | 'updated' | 'deleted'): ReadEvent =>
  (data, { event, stamp, roles }) => {
    if (!membership.Check(data)) return toInvalid(membership.Errors(data))
    const { public_user_data: member, organization: about, updated_at: updatedAt } = data
    const kept = toKeptMembership(data)
    if (!member) return { unusable: 'The membership does not say whose it is.', kept }
    if (what === 'deleted') {
      const name = toMembershipName(upstream, about.id, member.user_id)
      return { changes: [{ type: 'membership.deleted', ...name, stamp }], kept }
    }
    const telling: Telling = { event, created: false }
    const changes = [
      toOrganizationChange(about, telling),
      toMemberChange(member, updatedAt, telling),
      toMembershipChange(data, member, roles, { event, created: what === 'created' }),
    ]
    return { changes, kept }
  }

/** Every event that we understand; others are none of our business. */
export const readers: ReadonlyMap<string, ReadEvent> = new Map([
  ['user.created', readUser(true)],
  ['user.updated', readUser(false)],
  ['user.deleted', readDeleted('user.deleted')],
  ['organization.created', readOrganization(true)],
  ['organization.updated', readOrganization(false)],
  ['organization.deleted', readDeleted('organization.deleted')],
  ['organizationMembership.created', readMembership('created')],
  ['organizationMembership.updated', readMembership('updated')],
  ['organizationMembership.deleted', readMembership('deleted')],
])

/** The place and the rule, never the value. */
function toInvalid(errors: { instancePath: string; message: string }[]): EventReading {
  const [first] = errors
  const place = `data${first?.instancePath ?? ''}`.replaceAll('/', '.')
  return { invalid: `${place} ${first?.message ?? ''}`.trim() }
}
