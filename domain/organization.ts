import type { MembershipChange, MembershipFields, OrganizationChange, OrganizationFields } from './change.ts'
import { type Facts, isDeleted, isToldMore, keepsNewest, mergeFacts, noFacts, toFacts } from './facts.ts'
import type { Grant } from './grant.ts'
import { presenceOf } from './presence.ts'

/** All that is known of an organization; without a name nobody has told it yet. */
export type OrganizationFacts = Facts<OrganizationFields>

/** All that is known of who belongs to what. */
export type MembershipFacts = Facts<MembershipFields>

/** What became of a change that stands for itself. */
export interface Told<T> {
  facts: T
  path: 'created' | 'updated' | 'stale' | 'tombstoned'
  hadEffect: boolean
}

/** Takes a change in: the result depends on the set of changes alone. `known` is undefined for what is new here. */
export function tellOrganization(
  known: OrganizationFacts | undefined,
  change: OrganizationChange,
): Told<OrganizationFacts> {
  return tell(known, toFacts<OrganizationFields>(change), change.type)
}

export function tellMembership(
  known: MembershipFacts | undefined,
  change: MembershipChange,
): Told<MembershipFacts> {
  return tell(known, toFacts<MembershipFields>(change), change.type)
}

function tell<Fields>(
  known: Facts<Fields> | undefined,
  told: Facts<Fields>,
  type: string,
): Told<Facts<Fields>> {
  const before: Facts<Fields> = known ?? noFacts
  const facts = mergeFacts(before, told, keepsNewest)
  const isNews = known === undefined || isToldMore(before, facts)
  const path = isDeleted(facts) ? 'tombstoned' : !isNews ? 'stale' : known ? 'updated' : 'created'
  return { facts, path, hadEffect: isNews && (path !== 'tombstoned' || type.endsWith('.deleted')) }
}

/** Whether the membership holds, as far as it is for itself to say. */
export function isPresent(facts: MembershipFacts): boolean {
  return presenceOf(facts) === 'present'
}

const least: Grant = { roles: [], role: 'viewer', isMapped: false }

/** What the member may do; as long as nobody has told, the least. */
export function grantOf({ claims }: MembershipFacts): Grant {
  return claims.grant?.value ?? least
}
