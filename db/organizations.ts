import type { TransactionSql } from 'postgres'
import { uuidv7 } from 'uuidv7'
import { isDeleted } from '../domain/facts.ts'
import type { OrganizationFacts } from '../domain/organization.ts'
import { namedUpstream } from '../domain/organization-ref.ts'
import { recordKey } from '../domain/record.ts'
import { slugCandidates } from '../domain/slug.ts'
import { type FactsRow, toFactsRow, toStoredFacts } from './facts.ts'
import { lock } from './locks.ts'

/** An organization of an upstream, with all that was told of it. */
export interface KnownOrganization {
  id: string
  upstream: string
  externalId: string
  name: string
  slug: string
  facts: OrganizationFacts
}

interface OrganizationName {
  upstream: string
  externalId: string
}

type Row = Omit<KnownOrganization, 'facts'> & FactsRow

/** By `recordKey`; the caller holds the locks of their records. */
export async function loadOrganizations(
  tx: TransactionSql,
  names: OrganizationName[],
): Promise<Map<string, KnownOrganization>> {
  const rows = await tx<Row[]>`
    select known.*
    from unnest(${names.map((name) => name.upstream)}::text[], ${names.map((name) => name.externalId)}::text[])
        as name (upstream, external_id)
      cross join lateral (
        select o.id, o.upstream, o.external_id as "externalId", o.name, o.slug, o.claims, o.lifecycle,
          o.seen_at::float8 as "seenAt"
        from firstlogin.organizations o
        where o.upstream = name.upstream and o.external_id = name.external_id limit 1
      ) as known`
  return new Map(
    rows.map(({ claims, lifecycle, seenAt, ...row }) => {
      return [recordKey(row), { ...row, facts: toStoredFacts({ claims, lifecycle, seenAt }) }]
    }),
  )
}

/** An organization that is new here, with an id and a slug; the slug stays with it for ever. */
export function createOrganization(
  { upstream, externalId }: OrganizationName,
  facts: OrganizationFacts,
): KnownOrganization {
  return { id: uuidv7(), upstream, externalId, name: '', slug: '', facts }
}

/** What upstream keeps of them is written under the upstream's name, beside the keys of the host's. */
export async function saveOrganizations(
  tx: TransactionSql,
  organizations: KnownOrganization[],
): Promise<void> {
  if (organizations.length === 0) return
  await tx`
    ${insertOrganizations(tx, organizations)}
    on conflict (upstream, external_id) do update set
      name = excluded.name, status = excluded.status, claims = excluded.claims, lifecycle = excluded.lifecycle,
      settings = case jsonb_typeof(organizations.settings)
        when 'object' then organizations.settings || excluded.settings else organizations.settings end,
      seen_at = excluded.seen_at, updated_at = now()`
}

/** The beginning of a statement that also says what becomes of those that are there already. */
export function insertOrganizations(tx: TransactionSql, organizations: KnownOrganization[]) {
  const rows = organizations.map(({ facts, ...organization }) => ({
    ...organization,
    name: facts.claims.name?.value ?? organization.slug,
    settings: facts.claims.settings ? { [organization.upstream]: facts.claims.settings.value } : {},
    status: isDeleted(facts) ? 'deleted' : 'active',
    ...toFactsRow(facts),
  }))
  return tx`
    insert into firstlogin.organizations
      (id, upstream, external_id, name, slug, settings, status, claims, lifecycle, seen_at)
    select id, upstream, "externalId", name, slug, settings, status, claims, lifecycle, "seenAt"
    from jsonb_to_recordset(${tx.json(rows as never)}) as organization (
      id uuid, upstream text, "externalId" text, name text, slug text, settings jsonb, status text, claims jsonb,
      lifecycle jsonb, "seenAt" bigint)
    order by upstream, "externalId" collate "C"`
}

/**
 * Gives those that have none the best slug that nobody has; whoever wants one of the same beginning waits until the
 * transaction ends.
 */
export async function withSlugs(
  tx: TransactionSql,
  organizations: KnownOrganization[],
): Promise<KnownOrganization[]> {
  const wishes = organizations
    .filter(({ slug }) => slug === '')
    .map((one) => ({ id: one.id, candidates: slugCandidates(one.externalId, wishOf(one)) }))
  if (wishes.length === 0) return organizations
  const [, rows] = await Promise.all([
    lock(
      tx,
      'slugs',
      // Whatever else they may be called begins in the same way.
      wishes.map(({ candidates }) => candidates[0]?.slice(0, 2) ?? ''),
    ),
    tx<{ slug: string }[]>`
      select slug from firstlogin.organizations
      where slug = any(${wishes.flatMap(({ candidates }) => candidates)}::text[])`,
  ])
  const taken = new Set(rows.map(({ slug }) => slug))
  const chosen = new Map<string, string>()
  for (const { id, candidates } of wishes) {
    const slug = candidates.find((candidate) => !taken.has(candidate)) ?? id
    taken.add(slug)
    chosen.set(id, slug)
  }
  return organizations.map((one) => ({ ...one, slug: chosen.get(one.id) ?? one.slug }))
}

/** What upstream calls it in addresses; of organizations that records of people name, the name. */
function wishOf({ upstream, facts: { claims } }: KnownOrganization): string | undefined {
  return claims.slug?.value ?? (upstream === namedUpstream ? claims.name?.value : undefined)
}
