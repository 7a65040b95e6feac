import type { TransactionSql } from 'postgres'
import {
  type Change,
  isUserChange,
  type MembershipChange,
  type OrganizationChange,
  type OrganizationUpserted,
} from '../domain/change.ts'
import { isToldMore, noFacts } from '../domain/facts.ts'
import { toCanonicalJson } from '../domain/json.ts'
import {
  grantOf,
  isPresent,
  type MembershipFacts,
  type OrganizationFacts,
  tellMembership,
  tellOrganization,
} from '../domain/organization.ts'
import type { Person } from '../domain/person.ts'
import { recordKey, type UpstreamRecord } from '../domain/record.ts'
import { lockShared } from './locks.ts'
import {
  type KnownMembership,
  linkMemberships,
  loadMemberships,
  lockMemberships,
  saveMemberships,
} from './memberships.ts'
import { findUnwritten, type NamedOrganizations, saveNamed } from './named-organizations.ts'
import { notify } from './notices.ts'
import {
  createOrganization,
  type KnownOrganization,
  loadOrganizations,
  saveOrganizations,
  withSlugs,
} from './organizations.ts'
import { saveOwnMemberships } from './own-memberships.ts'

export type TenancyChange = OrganizationChange | MembershipChange

/** What became of a change. */
export interface TenancyAnswer {
  kind: 'organization' | 'membership'
  path: 'created' | 'updated' | 'stale' | 'tombstoned'
  hadEffect: boolean
  isVisible: boolean
}

/** What has to be written. */
export interface ToldTenancy {
  answers: Map<Change, TenancyAnswer>
  organizations: KnownOrganization[]
  /** Those that records of people name and that are new here, or were spelled otherwise. */
  named: KnownOrganization[]
  /** By `recordKey`. */
  memberships: Map<string, KnownMembership>
  /** Those of the memberships that were not merely seen again. */
  news: Map<string, KnownMembership>
}

export function isTenancyChange(change: Change): change is TenancyChange {
  return !isUserChange(change)
}

/**
 * Writes what was told, and makes the memberships agree of what was told, of accounts whose people have changed, and of
 * people who belong elsewhere by their own records; people and records are written before. All instances hear of it.
 */
export async function saveTenancy(
  tx: TransactionSql,
  told: ToldTenancy,
  accounts: UpstreamRecord[],
  people: Person[],
): Promise<void> {
  const { organizations, named } = told
  const memberships = [...told.memberships.values()]
  if (accounts.length + organizations.length + named.length + memberships.length + people.length === 0) return
  await Promise.all([
    // The default organization changes for everybody or not yet. Before any row of an organization is locked.
    named.length + people.length > 0 && lockShared(tx, 'default organization'),
    saveNamed(tx, named),
    saveOwnMemberships(tx, people),
    // In one order before any is written; what is read after that is the last word.
    lockMemberships(tx, { accounts, organizations, memberships }),
    saveOrganizations(tx, organizations),
    saveMemberships(tx, memberships),
    linkMemberships(tx, { accounts, organizations, memberships: [...told.news.values()] }),
    notify(
      tx,
      [...organizations, ...named].map(({ id }) => ({ organizationId: id })),
    ),
  ])
}

/** What changes make of organizations and memberships; the caller holds the locks of all records that they name. */
export async function tellTenancy(
  tx: TransactionSql,
  changes: TenancyChange[],
  names: NamedOrganizations,
): Promise<ToldTenancy> {
  const told: ToldTenancy = {
    answers: new Map(),
    organizations: [],
    named: [],
    memberships: new Map(),
    news: new Map(),
  }
  if (changes.length + names.size === 0) return told
  const aboutOrganizations = changes.flatMap(toOrganizationChange)
  const aboutMemberships = changes.filter(isMembershipChange)
  const [organizations, memberships, unwritten] = await Promise.all([
    loadOrganizations(tx, aboutOrganizations),
    loadMemberships(tx, aboutMemberships),
    findUnwritten(tx, names),
  ])
  const written = new Map<string, KnownOrganization>()
  for (const change of aboutOrganizations) tellOne(change)
  for (const change of aboutMemberships) tellMember(change)
  // All at once: slugs are locked in one order.
  const all = await withSlugs(tx, [...written.values(), ...unwritten])
  told.organizations = all.slice(0, written.size)
  told.named = all.slice(written.size)
  return told

  function tellOne(change: OrganizationChange): void {
    const key = recordKey(change)
    const known = organizations.get(key)
    const { facts, path, hadEffect } = tellOrganization(known?.facts, change)
    if (!known || isToldMore(known.facts, facts)) {
      const organization = { ...(known ?? createOrganization(change, facts)), facts }
      organizations.set(key, organization)
      written.set(key, organization)
    }
    const looksOther = !known || appearanceOf(known.facts) !== appearanceOf(facts) || path === 'tombstoned'
    told.answers.set(change, { kind: 'organization', path, hadEffect, isVisible: hadEffect && looksOther })
  }

  function tellMember(change: MembershipChange): void {
    const key = recordKey(change)
    const known = memberships.get(key)
    const { facts, path, hadEffect } = tellMembership(known?.facts, change)
    if (known?.facts !== facts) {
      const { upstream, externalId, organization, user } = change
      const membership = { upstream, externalId, organization, user, facts }
      memberships.set(key, membership)
      told.memberships.set(key, membership)
      const isNews = !known || isToldMore(known.facts, facts) || isPresent(known.facts) !== isPresent(facts)
      if (isNews || told.news.has(key)) told.news.set(key, membership)
    }
    const isVisible = hadEffect && looksOf(known?.facts) !== looksOf(facts)
    told.answers.set(change, { kind: 'membership', path, hadEffect, isVisible })
  }
}

/** Where somebody belongs to it, it is there. */
function toOrganizationChange(change: TenancyChange): OrganizationChange[] {
  if (!isMembershipChange(change)) return [change]
  if (change.type !== 'membership.upserted') return []
  const { upstream, organization: externalId, stamp } = change
  const sight = { type: 'organization.upserted', upstream, externalId, stamp } as const
  return [{ ...sight, created: false, fields: {} } satisfies OrganizationUpserted]
}

function isMembershipChange(change: TenancyChange): change is MembershipChange {
  return change.type.startsWith('membership.')
}

function appearanceOf({ claims }: OrganizationFacts): string {
  return toCanonicalJson([claims.name?.value, claims.settings?.value])
}

function looksOf(facts: MembershipFacts = noFacts): string {
  return toCanonicalJson([facts !== noFacts && isPresent(facts), grantOf(facts)])
}
