import type { Sql } from 'postgres'
import type { OrganizationFields, RecordFields } from '../domain/change.ts'
import type { Facts } from '../domain/facts.ts'
import type { MembershipFacts } from '../domain/organization.ts'
import type { Role } from '../schemas/user.ts'
import { type FactsRow, toStoredFacts } from './facts.ts'
import type { StoredUser } from './users.ts'

/** A person, without what proves them. */
export type MemberUser = Omit<StoredUser, 'passwordHash' | 'sight'>

export interface MemberOrganization {
  id: string
  name: string
  slug: string
  bucket: string
  settings: unknown
}

export interface MemberRole {
  role: Role
  /** As upstream writes them. */
  roles: string[]
  /** Whether any of them is known to mean something. */
  roleMapped: boolean
}

/** Somebody, and the organization that they act in. */
export interface Member {
  user: MemberUser
  organization: MemberOrganization | null
  membership: MemberRole | null
}

/** What is known of an upstream's account, its organization, and its membership there. */
export interface KnownMember {
  account: (Facts<RecordFields> & { isAccount: boolean }) | undefined
  organizationFacts: Facts<OrganizationFields> | undefined
  membershipFacts: MembershipFacts | undefined
  user: MemberUser | undefined
  organization: MemberOrganization | undefined
  /** Undefined unless it is active. */
  membership: MemberRole | undefined
}

interface Row {
  account: (FactsRow & { isAccount: boolean }) | null
  organizationFacts: FactsRow | null
  membershipFacts: FactsRow | null
  user:
    | (Omit<MemberUser, 'createdAt' | 'lastLoginAt'> & { createdAt: string; lastLoginAt: string | null })
    | null
  organization: MemberOrganization | null
  membership: MemberRole | null
}

function userObject(sql: Sql) {
  return sql`
    jsonb_build_object('id', u.id, 'email', u.email, 'emailVerified', u.email_verified, 'name', u.name,
      'avatarUrl', u.avatar_url, 'status', u.status, 'role', u.role, 'createdAt', u.created_at,
      'lastLoginAt', u.last_login_at)`
}

function organizationObject(sql: Sql) {
  return sql`
    jsonb_build_object('id', o.id, 'name', o.name, 'slug', o.slug, 'bucket', o.bucket, 'settings', o.settings)`
}

function membershipObject(sql: Sql) {
  return sql`jsonb_build_object('role', m.role, 'roles', m.roles, 'roleMapped', m.role_mapped)`
}

/** All that a token of an upstream's account has to be held against, in one journey. */
export async function findMember(
  sql: Sql,
  of: { upstream: string; user: string; organization: string | undefined },
): Promise<KnownMember> {
  const [row] = await sql<Row[]>`
    select
      case when i.upstream is not null then jsonb_build_object('claims', i.claims, 'lifecycle', i.lifecycle,
        'seenAt', i.seen_at, 'isAccount', i.account) end as account,
      case when o.id is not null then jsonb_build_object('claims', o.claims, 'lifecycle', o.lifecycle,
        'seenAt', o.seen_at) end as "organizationFacts",
      case when m.upstream is not null then jsonb_build_object('claims', m.claims, 'lifecycle', m.lifecycle,
        'seenAt', m.seen_at) end as "membershipFacts",
      case when u.id is not null then ${userObject(sql)} end as user,
      case when o.status = 'active' then ${organizationObject(sql)} end as organization,
      case when m.active then ${membershipObject(sql)} end as membership
    from (select ${of.upstream} as upstream, ${of.user} as user_id, ${of.organization ?? null}::text as organization_id)
        as name
      left join lateral (
        select * from firstlogin.identities i
        where i.upstream = name.upstream and i.external_id = name.user_id limit 1
      ) as i on true
      left join lateral (select * from firstlogin.users u where u.id = i.user_id limit 1) as u on true
      left join lateral (
        select * from firstlogin.organizations o
        where o.upstream = name.upstream and o.external_id = name.organization_id limit 1
      ) as o on true
      left join lateral (
        select * from firstlogin.memberships m
        where m.upstream = name.upstream and m.organization_external_id = name.organization_id
          and m.user_external_id = name.user_id limit 1
      ) as m on true`
  if (!row) throw new Error('A row was expected.')
  const { account, organizationFacts, membershipFacts, user, organization, membership } = row
  return {
    account: account ? { ...toStoredFacts<RecordFields>(account), isAccount: account.isAccount } : undefined,
    organizationFacts: organizationFacts ? toStoredFacts(organizationFacts) : undefined,
    membershipFacts: membershipFacts ? toStoredFacts(membershipFacts) : undefined,
    user: user ? toMemberUser(user) : undefined,
    organization: organization ?? undefined,
    membership: membership ?? undefined,
  }
}

function toMemberUser(user: NonNullable<Row['user']>): MemberUser {
  const { createdAt, lastLoginAt, ...rest } = user
  return {
    ...rest,
    createdAt: new Date(createdAt),
    lastLoginAt: lastLoginAt === null ? null : new Date(lastLoginAt),
  }
}

/** An organization that a person belongs to, and as what. */
export interface Belonging {
  organization: MemberOrganization
  membership: MemberRole
}

export async function listBelongings(sql: Sql, userId: string): Promise<Belonging[]> {
  return sql<Belonging[]>`
    select ${organizationObject(sql)} as organization, ${membershipObject(sql)} as membership
    from firstlogin.memberships m join firstlogin.organizations o on o.id = m.organization_id
    where m.user_id = ${userId} and m.active
    order by o.name, o.id`
}

/** Moves the last login, unless that was done within a minute. */
export async function touchLastLogin(sql: Sql, userId: string): Promise<void> {
  await sql`
    update firstlogin.users set last_login_at = now()
    where id = ${userId} and (last_login_at is null or last_login_at < now() - interval '1 minute')`
}
