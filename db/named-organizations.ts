import type { Sql, TransactionSql } from 'postgres'
import type { UserChange } from '../domain/change.ts'
import { noFacts } from '../domain/facts.ts'
import type { OrganizationFacts } from '../domain/organization.ts'
import { namedUpstream, organizationKey } from '../domain/organization-ref.ts'
import { compareStamps } from '../domain/stamp.ts'
import { exclude } from './locks.ts'
import {
  createOrganization,
  insertOrganizations,
  type KnownOrganization,
  loadOrganizations,
  withSlugs,
} from './organizations.ts'
import { moveToDefault } from './own-memberships.ts'
import { inTransaction } from './transaction.ts'

type NameClaim = OrganizationFacts['claims']['name']

/** Organizations that records of people name, by key, with the oldest spelling of their names. */
export type NamedOrganizations = Map<string, NameClaim>

/** What changes name, their order aside. */
export function namedBy(changes: UserChange[]): NamedOrganizations {
  const named: NamedOrganizations = new Map()
  for (const change of changes) {
    if (change.type !== 'user.upserted') continue
    for (const ref of change.fields.organizations ?? []) {
      const key = organizationKey(change.upstream, ref)
      const name = 'name' in ref ? { ...change.stamp, value: ref.name } : undefined
      if (!named.has(key) || isOlder(name, named.get(key))) named.set(key, name)
    }
  }
  return named
}

/** The name of an organization is as the oldest change spells it, so that it does not go back and forth. */
function isOlder(name: NameClaim, than: NameClaim): boolean {
  if (!name || !than) return name !== undefined && than === undefined
  const order = compareStamps(name, than)
  return order < 0 || (order === 0 && name.value < than.value)
}

/** Those of the named organizations that have to be written, without their slugs. */
export async function findUnwritten(
  tx: TransactionSql,
  named: NamedOrganizations,
): Promise<KnownOrganization[]> {
  if (named.size === 0) return []
  const names = [...named.keys()].map((externalId) => ({ upstream: namedUpstream, externalId }))
  const known = await loadOrganizations(tx, names)
  const byKey = new Map([...known.values()].map((organization) => [organization.externalId, organization]))
  return names.flatMap((of) => {
    const name = named.get(of.externalId)
    const facts: OrganizationFacts = { ...noFacts, claims: name ? { name } : {} }
    const there = byKey.get(of.externalId)
    if (!there) return [createOrganization(of, facts)]
    return isOlder(name, there.facts.claims.name) ? [{ ...there, facts }] : []
  })
}

/** Writes them where they are not there yet; another instance may do so at the same moment. */
export async function saveNamed(tx: TransactionSql, organizations: KnownOrganization[]): Promise<void> {
  if (organizations.length === 0) return
  const told = (row: 'organizations' | 'excluded') => tx`
    ((${tx(row)}.claims #>> '{name,at}')::float8, (${tx(row)}.claims #>> '{name,event}') collate "C",
      (${tx(row)}.claims #>> '{name,value}') collate "C")`
  await tx`
    ${insertOrganizations(tx, organizations)}
    on conflict (upstream, external_id) do update set
      name = excluded.name, claims = excluded.claims, updated_at = now()
      where ${told('excluded')} < ${told('organizations')}`
}

/**
 * Makes an organization the default one: the one that records name so, or that has this slug, else a new one. Null ends
 * that there is one. Everybody whose records name no organization belongs to it from then on.
 */
export async function setDefaultOrganization(sql: Sql, name: string | null): Promise<void> {
  const key = name === null ? null : await findOrCreate(sql, name)
  await inTransaction(sql, async (tx) => {
    // First, so that of instances with different settings one comes after the other.
    await exclude(tx, 'default organization')
    const changed = await tx`
      update firstlogin.organizations set is_default = false
      where is_default and (upstream, external_id) is distinct from (${namedUpstream}, ${key}::text)`
    const chosen =
      key !== null &&
      (await tx`
        update firstlogin.organizations set is_default = true
        where upstream = ${namedUpstream} and external_id = ${key} and not is_default`)
    if (changed.count + (chosen ? chosen.count : 0) === 0) return
    await moveToDefault(tx)
  })
}

async function findOrCreate(sql: Sql, name: string): Promise<string> {
  const key = organizationKey(namedUpstream, { name })
  const [known] = await sql<{ key: string }[]>`
    select external_id as key from firstlogin.organizations
    where upstream = ${namedUpstream} and (external_id = ${key} or slug = ${name})
    order by external_id = ${key} desc limit 1`
  if (known) return known.key
  await inTransaction(sql, async (tx) => {
    const unwritten = await findUnwritten(tx, new Map([[key, { at: 0, event: '', value: name }]]))
    await saveNamed(tx, await withSlugs(tx, unwritten))
  })
  return key
}
