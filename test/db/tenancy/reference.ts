import type {
  Change,
  MembershipChange,
  MembershipFields,
  OrganizationFields,
  UserChange,
} from '../../../domain/change.ts'
import { defaultOwnership } from '../../../domain/ownership.ts'
import type { Stamp } from '../../../domain/stamp.ts'
import { peopleAfter } from '../../domain/provisioning/reference.ts'
import type { MembershipRow, Rows } from './rows.ts'

/** What is there after all of these changes, read off the bare set; no two of them may have one stamp. */
export function rowsAfter(changes: Change[]): Rows {
  const people = peopleAfter(changes.flatMap(toUserChange), defaultOwnership)
  const organizations = namesOf(changes, organizationOf).map((externalId) => {
    const about = changes.filter((change) => change.type.startsWith('organization.'))
    const own = about.filter((change) => change.externalId === externalId)
    const slug = externalId.slice(externalId.indexOf('_') + 1).slice(0, 8)
    const name = newest<OrganizationFields, 'name'>(own, 'name')?.value ?? slug
    const status = isPresent(own) ? 'active' : 'deleted'
    return { externalId, name, slug, bucket: `org-${slug}`, status }
  })
  const memberships = namesOf(changes, membershipOf).map((name): MembershipRow => {
    const own = changes.filter((change) => membershipOf(change)[0] === name) as MembershipChange[]
    const [{ organization, user }] = own as [MembershipChange]
    const its = organizations.find(({ externalId }) => externalId === organization)
    const person = people.find(({ records }) => records.includes(`clerk ${user}`))
    const grant = newest<MembershipFields, 'grant'>(own, 'grant')
    return {
      organization,
      user,
      role: grant?.value.role ?? 'viewer',
      roles: grant?.value.roles ?? [],
      isMapped: grant?.value.isMapped ?? false,
      toldAt: grant?.at ?? null,
      isActive: isPresent(own) && its?.status === 'active' && person !== undefined,
      isOfOrganization: its !== undefined,
      person: person?.records ?? null,
    }
  })
  return {
    people: people.map(({ email, name, status, records }) => ({ email, name, status, records })),
    organizations,
    memberships,
  }
}

/** Whoever belongs to something is there, and so is what they belong to. */
function toUserChange(change: Change): UserChange[] {
  if (change.type === 'membership.upserted') {
    const { upstream, user, stamp } = change
    const sight = { type: 'user.upserted', upstream, externalId: user, stamp } as const
    return [{ ...sight, created: false, fields: {}, isAccount: true }]
  }
  return change.type.startsWith('user.') ? [change as UserChange] : []
}

function organizationOf(change: Change): string[] {
  if (change.type === 'membership.upserted') return [change.organization]
  return change.type.startsWith('organization.') ? [change.externalId] : []
}

function membershipOf(change: Change): string[] {
  return change.type.startsWith('membership.') ? [change.externalId] : []
}

function namesOf(changes: Change[], nameOf: (change: Change) => string[]): string[] {
  return [...new Set(changes.flatMap(nameOf))].sort()
}

/** Not deleted, or created later; not missed by a listing, or seen since. */
function isPresent(changes: Change[]): boolean {
  const timesOf = (isMeant: (change: Change) => boolean) =>
    Math.max(0, ...changes.filter(isMeant).map(({ stamp }) => stamp.at))
  const deleted = timesOf(({ type }) => type.endsWith('.deleted'))
  const vanished = timesOf(({ type }) => type.endsWith('.vanished'))
  const created = timesOf((change) => 'created' in change && change.created)
  const seen = timesOf(({ type }) => type.endsWith('.upserted'))
  return (deleted === 0 || created > deleted) && (vanished === 0 || seen >= vanished)
}

interface Word<T> extends Stamp {
  value: T
}

function newest<Fields, Field extends keyof Fields>(
  changes: Change[],
  field: Field,
): Word<Fields[Field]> | undefined {
  const words = changes.flatMap((change): Word<Fields[Field]>[] => {
    const { fields = {} } = change as { fields?: Partial<Fields> }
    const value = (fields as Partial<Fields>)[field]
    return value === undefined ? [] : [{ ...change.stamp, value }]
  })
  return words.sort((a, b) => b.at - a.at || (a.event < b.event ? 1 : -1))[0]
}
