import type { Sql } from 'postgres'
import { uuidv7 } from 'uuidv7'
import { applyChanges } from '../../../db/apply.ts'
import type { PersonFields, UserChange, UserUpserted } from '../../../domain/change.ts'
import { defaultOwnership, type FieldOwnership } from '../../../domain/ownership.ts'
import type { Applied } from '../../../domain/provisioning.ts'
import type { VisiblePerson } from '../../domain/provisioning/reference.ts'

/** Applies changes in a transaction of their own. */
export function apply(
  sql: Sql,
  changes: UserChange[],
  ownership: FieldOwnership = defaultOwnership,
): Promise<Applied[]> {
  return sql.begin((tx) => applyChanges(tx, changes, { ownership, createId: uuidv7 }))
}

/** Everybody who is not deleted, by address. */
export async function listPeople(sql: Sql): Promise<VisiblePerson[]> {
  const rows = await sql<VisiblePerson[]>`
    select email, email_canonical as "emailCanonical", email_verified as "emailVerified", name,
      avatar_url as "avatarUrl", status, role, password_hash as "passwordHash", provenance, organizations,
      array(
        select upstream || ' ' || external_id from firstlogin.identities where user_id = users.id
        order by (upstream || ' ' || external_id) collate "C"
      ) as records
    from firstlogin.users where status <> 'deleted' order by email_canonical`
  return rows.map((row) => ({ ...row }))
}

/** Who belongs to what, as what: addresses, and keys of organizations. */
export async function listMemberships(sql: Sql): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    select concat_ws(' ', u.email_canonical, o.external_id, m.role) as line
    from firstlogin.memberships m join firstlogin.users u on u.id = m.user_id
      join firstlogin.organizations o on o.id = m.organization_id
    where m.active`
  return rows.map(({ line }) => line).sort()
}

/** The same as these people should belong. */
export function membershipsOf(people: VisiblePerson[], byDefault: string): string[] {
  const lines = people.flatMap(({ emailCanonical, organizations, role }) => {
    const keys = organizations?.length === 0 ? [byDefault] : (organizations ?? [])
    return keys.map((key) => [emailCanonical, key, role].filter((part) => part !== null).join(' '))
  })
  return lines.sort()
}

export async function removeEverybody(sql: Sql): Promise<void> {
  await sql`truncate firstlogin.users, firstlogin.identities, firstlogin.sessions cascade`
  await sql`delete from firstlogin.organizations where not is_default`
}

export function upserted(externalId: string, at: number, fields: Partial<PersonFields>): UserUpserted {
  const stamp = { at, event: `evt_${at}` }
  return { type: 'user.upserted', upstream: 'airtable', externalId, stamp, created: false, fields }
}

export function deleted(externalId: string, at: number): UserChange {
  return { type: 'user.deleted', upstream: 'airtable', externalId, stamp: { at, event: `evt_${at}` } }
}
