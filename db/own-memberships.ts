import type { TransactionSql } from 'postgres'
import { namedUpstream } from '../domain/organization-ref.ts'
import type { Person } from '../domain/person.ts'
import { channel } from './notices.ts'

/** Whether the memberships of a person that follow from their records may be others than before. */
export function belongsElsewhere(was: Person | undefined, is: Person): boolean {
  return keyOf(was) !== keyOf(is)
}

function keyOf(person: Person | undefined): string {
  if (!person?.organizations) return ''
  const { organizations, role, status } = person
  return JSON.stringify([organizations, role, status === 'deleted'])
}

/**
 * Makes the memberships of people agree with the organizations that their records name, or with the default one where these
 * name none; the role is the person's own. The caller holds the locks of the people and, shared, of the default
 * organization, and has written people and organizations.
 */
export async function saveOwnMemberships(tx: TransactionSql, people: Person[]): Promise<void> {
  if (people.length === 0) return
  const rows = people.map(({ id, role, status, organizations }) => {
    return { id, role, organizations: status === 'deleted' ? null : organizations }
  })
  await tx`
    with person as (
      select * from jsonb_to_recordset(${tx.json(rows)}) as p (id uuid, role text, organizations jsonb)
    ), named as (
      select p.id as user_id, p.role, o.id as organization_id
      from person p cross join lateral jsonb_array_elements_text(p.organizations) as key
        join firstlogin.organizations o on o.upstream = ${namedUpstream} and o.external_id = key
      union
      select p.id, p.role, o.id from person p join firstlogin.organizations o on o.is_default
      where p.organizations = '[]'
    ), ended as (
      update firstlogin.memberships m set present = false, active = false, updated_at = now()
      from person p
      where m.upstream = ${namedUpstream} and m.user_external_id = p.id::text and m.active
        and not exists (
          select from named n where n.user_id = p.id and n.organization_id::text = m.organization_external_id)
    )
    ${insertOwn(tx)}`
}

/** Writes the rows of `named` that are not there yet, or other than they should be. */
function insertOwn(tx: TransactionSql) {
  return tx`
    insert into firstlogin.memberships as m
      (upstream, organization_external_id, user_external_id, organization_id, user_id, role, roles, role_mapped, present,
        active)
    select ${namedUpstream}, organization_id, user_id, organization_id, user_id, role, array[role], true, true, true
    from named order by organization_id::text collate "C", user_id::text collate "C"
    on conflict (upstream, organization_external_id, user_external_id) do update set
      organization_id = excluded.organization_id, user_id = excluded.user_id, role = excluded.role,
      roles = excluded.roles, present = true, active = true, updated_at = now()
      where (m.user_id, m.role, m.active) is distinct from (excluded.user_id, excluded.role, true)`
}

/** The same for the role of one person alone. */
export async function saveOwnRole(tx: TransactionSql, userId: string, role: string): Promise<void> {
  await tx`
    update firstlogin.memberships set role = ${role}, roles = array[${role}::text], updated_at = now()
    where upstream = ${namedUpstream} and user_external_id = ${userId} and role <> ${role}`
}

/**
 * Moves everybody whose records name no organization from the default organization that there was to the one that is the
 * default now. All instances hear of it.
 */
export async function moveToDefault(tx: TransactionSql): Promise<void> {
  await tx`
    with named as (
      select u.id as user_id, u.role, o.id as organization_id
      from firstlogin.users u join firstlogin.organizations o on o.is_default
      where u.organizations = '[]' and u.status <> 'deleted'
    ), ended as (
      update firstlogin.memberships m set present = false, active = false, updated_at = now()
      from firstlogin.users u
      where m.upstream = ${namedUpstream} and m.user_id = u.id and u.organizations = '[]' and m.active
        and not exists (
          select from named n where n.user_id = u.id and n.organization_id = m.organization_id)
      returning m.user_id
    ), begun as (
      ${insertOwn(tx)}
      returning m.user_id
    )
    select pg_notify(${channel}, json_build_object('userId', user_id)::text)
    from (select user_id from ended union select user_id from begun) as people`
}
