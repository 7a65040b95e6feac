import type { TransactionSql } from 'postgres'
import type {
  Change,
  MembershipChange,
  MembershipUpserted,
  OrganizationChange,
  OrganizationUpserted,
} from '../domain/change.ts'
import { isToldMore, noFacts, toCanonicalJson } from '../domain/facts.ts'
import {
  grantOf,
  isPresent,
  type MembershipFacts,
  type OrganizationFacts,
  tellMembership,
  tellOrganization,
} from '../domain/organization.ts'
import { recordKey, type UpstreamRecord } from '../domain/record.ts'
import { type KnownMembership, linkMemberships, loadMemberships, saveMemberships } from './memberships.ts'
import { type Notice, notify } from './notices.ts'
import {
  createOrganization,
  type KnownOrganization,
  loadOrganizations,
  saveOrganizations,
} from './organizations.ts'

export type TenancyChange = OrganizationChange | MembershipChange

export interface TenancyAnswer {
  kind: 'organization' | 'membership'
  path: 'created' | 'updated' | 'stale' | 'tombstoned'
  hadEffect: boolean
  isVisible: boolean
}

/** What became of each change, and what was written. */
export interface TenancyApplied {
  answers: Map<Change, TenancyAnswer>
  organizations: KnownOrganization[]
  memberships: KnownMembership[]
  /** Memberships that were seen again, and nothing more. */
  sights: KnownMembership[]
}

export function isTenancyChange(change: Change): change is TenancyChange {
  return !change.type.startsWith('user.')
}

/** Writes what changes say of organizations and memberships; the caller holds the locks of all of them. */
export async function applyTenancy(tx: TransactionSql, changes: TenancyChange[]): Promise<TenancyApplied> {
  const applied: TenancyApplied = { answers: new Map(), organizations: [], memberships: [], sights: [] }
  if (changes.length === 0) return applied
  const about = changes.flatMap(toOrganizationChange)
  const claims = changes.filter(isMembershipChange)
  const [organizations, memberships] = await Promise.all([
    loadOrganizations(tx, about),
    loadMemberships(tx, claims),
  ])
  for (const change of about) tellOne(change)
  for (const change of claims) tellOther(change)
  await Promise.all([
    saveOrganizations(tx, applied.organizations),
    saveMemberships(tx, [...applied.memberships, ...applied.sights]),
  ])
  return applied

  function tellOne(change: OrganizationChange): void {
    const key = recordKey(change)
    const known = organizations.get(key)
    const { facts, path, hadEffect } = tellOrganization(known?.facts, change)
    if (!known || isToldMore(known.facts, facts)) {
      const told = { ...(known ?? createOrganization(change, facts)), facts }
      organizations.set(key, told)
      replace(applied.organizations, told)
    }
    const isVisible = known === undefined || nameOf(known.facts) !== nameOf(facts) || path === 'tombstoned'
    applied.answers.set(change, { kind: 'organization', path, hadEffect, isVisible: hadEffect && isVisible })
  }

  function tellOther(change: MembershipChange): void {
    const key = recordKey(change)
    const known = memberships.get(key)
    const { facts, path, hadEffect } = tellMembership(known?.facts, change)
    if (known?.facts !== facts) {
      const { upstream, externalId, organization, user } = change
      const told = { upstream, externalId, organization, user, facts }
      const isNews = !known || isToldMore(known.facts, facts) || includes(applied.memberships, told)
      memberships.set(key, told)
      replace(isNews ? applied.memberships : applied.sights, told)
    }
    const isVisible = hadEffect && looksOf(known?.facts) !== looksOf(facts)
    applied.answers.set(change, { kind: 'membership', path, hadEffect, isVisible })
  }
}

/** The last state of each is written. */
function replace<T extends { upstream: string; externalId: string }>(written: T[], one: T): void {
  const at = written.findIndex((other) => recordKey(other) === recordKey(one))
  if (at < 0) written.push(one)
  else written[at] = one
}

function includes(written: KnownMembership[], one: KnownMembership): boolean {
  return written.some((other) => recordKey(other) === recordKey(one))
}

/** Where somebody belongs to it, it is there. */
function toOrganizationChange(change: TenancyChange): OrganizationChange[] {
  if (!isMembershipChange(change)) return [change]
  if (change.type !== 'membership.upserted') return []
  const { upstream, organization, stamp }: MembershipUpserted = change
  const sight: OrganizationUpserted = {
    type: 'organization.upserted',
    upstream,
    externalId: organization,
    stamp,
    created: false,
    fields: {},
  }
  return [sight]
}

function isMembershipChange(change: TenancyChange): change is MembershipChange {
  return change.type.startsWith('membership.')
}

function nameOf({ claims }: OrganizationFacts): string | undefined {
  return claims.name?.value
}

function looksOf(facts: MembershipFacts = noFacts): string {
  return toCanonicalJson([facts !== noFacts && isPresent(facts), grantOf(facts)])
}

/**
 * Makes memberships agree with what was written of people and organizations, and tells all instances whose memberships
 * and which organizations are others now.
 */
export async function linkTouched(
  tx: TransactionSql,
  accounts: UpstreamRecord[],
  { organizations, memberships }: TenancyApplied,
): Promise<void> {
  if (accounts.length + organizations.length + memberships.length === 0) return
  const linked = await linkMemberships(tx, { users: accounts, organizations, memberships })
  const whole = new Set<string | null>(organizations.map(({ id }) => id))
  const apart = linked.filter(({ organizationId }) => !whole.has(organizationId))
  const people = new Set(apart.flatMap(({ userId }) => userId ?? []))
  const notices: Notice[] = [
    ...[...whole].flatMap((organizationId) => (organizationId ? { organizationId } : [])),
    ...[...people].map((userId) => ({ userId })),
  ]
  await notify(tx, notices)
}
