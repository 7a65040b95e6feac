import type { Sql, TransactionSql } from 'postgres'
import { type MembershipName, toMembershipName } from '../domain/change.ts'
import { grantOf, isPresent, type MembershipFacts } from '../domain/organization.ts'
import { recordKey } from '../domain/record.ts'
import { type FactsRow, toFactsRow, toStoredFacts } from './facts.ts'
import { channel } from './notices.ts'

/** Who belongs to what in an upstream, with all that was told of it. */
export interface KnownMembership extends MembershipName {
  facts: MembershipFacts
}

/** By `recordKey`; the caller holds the locks of their records. */
export async function loadMemberships(
  tx: TransactionSql,
  names: MembershipName[],
): Promise<Map<string, KnownMembership>> {
  const rows = await tx<(Omit<MembershipName, 'externalId'> & FactsRow)[]>`
    select known.*
    from ${namedIn(tx, names)} cross join lateral (
      select m.upstream, m.organization_external_id as organization, m.user_external_id as user, m.claims,
        m.lifecycle, m.seen_at::float8 as "seenAt"
      from firstlogin.memberships m where ${isNamed(tx)} limit 1
    ) as known`
  const byPair = new Map(names.map((name) => [pairKey(name), name]))
  return new Map(
    rows.flatMap(({ claims, lifecycle, seenAt, ...pair }) => {
      const name = byPair.get(pairKey(pair))
      const facts = toStoredFacts<{ grant: never }>({ claims, lifecycle, seenAt })
      return name ? [[recordKey(name), { ...name, facts }]] : []
    }),
  )
}

function pairKey({ upstream, organization, user }: Omit<MembershipName, 'externalId'>): string {
  return JSON.stringify([upstream, organization, user])
}

function namedIn(tx: TransactionSql, names: MembershipName[]) {
  return tx`
    unnest(${names.map(({ upstream }) => upstream)}::text[], ${names.map(({ organization }) => organization)}::text[],
      ${names.map(({ user }) => user)}::text[]) as name (upstream, organization_external_id, user_external_id)`
}

/** Each name is looked up by itself: a join's plan, made while a table was small, would read all of it later. */
function isNamed(tx: TransactionSql) {
  return tx`
    m.upstream = name.upstream and m.organization_external_id = name.organization_external_id
      and m.user_external_id = name.user_external_id`
}

/** Writes what they say for themselves; `linkMemberships` makes the rest of it. */
export async function saveMemberships(tx: TransactionSql, memberships: KnownMembership[]): Promise<void> {
  if (memberships.length === 0) return
  const rows = memberships.map(({ upstream, organization, user, facts }) => {
    const { roles, role, isMapped } = grantOf(facts)
    const toldAt = facts.claims.grant && new Date(facts.claims.grant.at).toISOString()
    return {
      upstream,
      organization,
      user,
      roles,
      role,
      isMapped,
      toldAt,
      present: isPresent(facts),
      ...toFactsRow(facts),
    }
  })
  await tx`
    insert into firstlogin.memberships
      (upstream, organization_external_id, user_external_id, role, roles, role_mapped, told_at, present, claims,
        lifecycle, seen_at)
    select upstream, organization, "user", role, array(select jsonb_array_elements_text(roles)), "isMapped", "toldAt",
      present, claims, lifecycle, "seenAt"
    from jsonb_to_recordset(${tx.json(rows)}) as membership (
      upstream text, organization text, "user" text, role text, roles jsonb, "isMapped" boolean, "toldAt" timestamptz,
      present boolean, claims jsonb, lifecycle jsonb, "seenAt" bigint)
    order by upstream, organization collate "C", "user" collate "C"
    on conflict (upstream, organization_external_id, user_external_id) do update set
      role = excluded.role, roles = excluded.roles, role_mapped = excluded.role_mapped, told_at = excluded.told_at,
      present = excluded.present, claims = excluded.claims, lifecycle = excluded.lifecycle,
      seen_at = excluded.seen_at, updated_at = now()`
}

interface Named {
  upstream: string
  externalId: string
}

/** What memberships may have to agree with anew. */
interface Touched {
  accounts: Named[]
  organizations: Named[]
  memberships: MembershipName[]
}

function touchedBy(tx: TransactionSql, { accounts, organizations, memberships }: Touched) {
  const named = (names: Named[]) =>
    tx`unnest(${names.map(({ upstream }) => upstream)}::text[], ${names.map(({ externalId }) => externalId)}::text[])
      as name (upstream, external_id)`
  return tx`
    select upstream, organization_external_id, user_external_id from ${namedIn(tx, memberships)}
    union select theirs.* from ${named(accounts)} cross join lateral (
      select m.upstream, m.organization_external_id, m.user_external_id from firstlogin.memberships m
      where m.upstream = name.upstream and m.user_external_id = name.external_id offset 0) as theirs
    union select its.* from ${named(organizations)} cross join lateral (
      select m.upstream, m.organization_external_id, m.user_external_id from firstlogin.memberships m
      where m.upstream = name.upstream and m.organization_external_id = name.external_id offset 0) as its`
}

/** Locks rows in one order. */
export async function lockMemberships(tx: TransactionSql, touched: Touched): Promise<void> {
  await tx`
    select
    from (select * from (${touchedBy(tx, touched)}) as touched order by 1, 2, 3) as name
      cross join lateral (select from firstlogin.memberships m where ${isNamed(tx)} for update) as locked`
}

/**
 * Makes memberships, which are locked, agree with the people and organizations of these: whose they are, and whether
 * they are active. All instances hear of the people of those that were named, and of those that have changed, as they
 * were and as they are.
 */
export async function linkMemberships(tx: TransactionSql, touched: Touched): Promise<void> {
  await tx`
    with is_now as (
      select m.*, o.id as its_id, u.id as their_id,
        m.present and o.status is not distinct from 'active' and coalesce(u.status <> 'deleted', false)
          and i.is_present as holds
      from (${touchedBy(tx, touched)}) as name
        cross join lateral (
          select m.ctid as place, m.upstream, m.organization_external_id, m.user_external_id, m.present,
            m.user_id as former_user_id
          from firstlogin.memberships m where ${isNamed(tx)} limit 1
        ) as m
        left join lateral (
          select o.id, o.status from firstlogin.organizations o
          where o.upstream = m.upstream and o.external_id = m.organization_external_id limit 1
        ) as o on true
        left join lateral (
          select i.user_id,
            coalesce((i.lifecycle #>> '{created,at}')::float8 > (i.lifecycle #>> '{deleted,at}')::float8,
              i.lifecycle -> 'deleted' is null) as is_present
          from firstlogin.identities i
          where i.upstream = m.upstream and i.external_id = m.user_external_id limit 1
        ) as i on true
        left join lateral (select u.id, u.status from firstlogin.users u where u.id = i.user_id limit 1) as u on true
    ), linked as (
      update firstlogin.memberships m
      set organization_id = is_now.its_id, user_id = is_now.their_id, active = is_now.holds, updated_at = now()
      from is_now
      where m.ctid = is_now.place
        and (m.organization_id, m.user_id, m.active) is distinct from (is_now.its_id, is_now.their_id, is_now.holds)
      returning m.user_id, is_now.former_user_id
    )
    select pg_notify(${channel}, json_build_object('userId', user_id)::text) from (
      select user_id from linked
      union select former_user_id from linked
      union select is_now.their_id
        from ${namedIn(tx, touched.memberships)} join is_now
          using (upstream, organization_external_id, user_external_id)
    ) as people
    where user_id is not null`
}

/** Memberships that hold and that nobody has seen since, and how many hold in all. */
export async function findMissedMemberships(
  sql: Sql,
  upstream: string,
  since: Date,
): Promise<{ missed: MembershipName[]; present: number }> {
  const rows = await sql<{ organization: string; user: string }[]>`
    select organization_external_id as organization, user_external_id as user from firstlogin.memberships
    where upstream = ${upstream} and active and seen_at < ${since.getTime()}
    order by organization_external_id, user_external_id`
  const [count] = await sql<{ present: number }[]>`
    select count(*)::int as present from firstlogin.memberships where upstream = ${upstream} and active`
  return {
    missed: rows.map(({ organization, user }) => toMembershipName(upstream, organization, user)),
    present: count?.present ?? 0,
  }
}
