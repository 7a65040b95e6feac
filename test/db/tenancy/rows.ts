import type { Sql } from 'postgres'
import type { Role } from '../../../schemas/user.ts'

/** What can be seen of everybody who is not deleted, of all organizations and memberships; without ids. */
export interface Rows {
  people: { email: string; name: string | null; status: string; records: string[] }[]
  organizations: { externalId: string; name: string; slug: string; bucket: string; status: string }[]
  memberships: MembershipRow[]
}

export interface MembershipRow {
  organization: string
  user: string
  role: Role
  roles: string[]
  isMapped: boolean
  toldAt: number | null
  isActive: boolean
  /** Whether it is linked to the row of its organization. */
  isOfOrganization: boolean
  /** The records of the person to whom it is linked, if they are not deleted. */
  person: string[] | null
}

export async function readRows(sql: Sql): Promise<Rows> {
  const records = sql`
    array(
      select upstream || ' ' || external_id from firstlogin.identities where user_id = u.id
      order by (upstream || ' ' || external_id) collate "C"
    )`
  const [people, organizations, memberships] = await Promise.all([
    sql<Rows['people']>`
      select email, name, status, ${records} as records from firstlogin.users u where status <> 'deleted'
      order by email_canonical, records`,
    sql<Rows['organizations']>`
      select external_id as "externalId", name, slug, bucket, status from firstlogin.organizations
      order by external_id`,
    sql<MembershipRow[]>`
      select m.organization_external_id as organization, m.user_external_id as "user", m.role, m.roles,
        m.role_mapped as "isMapped", (extract(epoch from m.told_at) * 1000)::float8 as "toldAt",
        m.active as "isActive", coalesce(o.external_id = m.organization_external_id, false) as "isOfOrganization",
        case when u.id is not null then ${records} end as person
      from firstlogin.memberships m
        left join firstlogin.organizations o on o.id = m.organization_id
        left join firstlogin.users u on u.id = m.user_id and u.status <> 'deleted'
      order by 1, 2`,
  ])
  const plain = <T extends object>(rows: readonly T[]) => rows.map((row) => ({ ...row }))
  return { people: plain(people), organizations: plain(organizations), memberships: plain(memberships) }
}

export async function removeAll(sql: Sql): Promise<void> {
  await sql`truncate firstlogin.users, firstlogin.identities, firstlogin.organizations, firstlogin.memberships cascade`
}
