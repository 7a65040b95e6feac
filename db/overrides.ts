import type { Sql, TransactionSql } from 'postgres'
import type { CanonicalEmail } from '../domain/email.ts'
import { decide, type OverrideDecision, type Overrides } from '../domain/overrides.ts'
import type { Person, Provenance } from '../domain/person.ts'
import { lock } from './locks.ts'
import { notify } from './notices.ts'
import { saveOwnRole } from './own-memberships.ts'
import { endSessionsOf } from './sessions.ts'
import { type StoredUser, userColumns } from './users.ts'

/** Who is meant: a deleted user is not found by address. */
export type OverrideTarget = { id: string } | { email: CanonicalEmail }

export interface OverrideOrder {
  decision: OverrideDecision
  /** Milliseconds since 1970. */
  at: number
  by: string
  /** Throws to refuse. Called under the lock, before anything is written. */
  verify?: (before: OverrideSubject, after: OverrideSubject) => void
}

/** The part of a user that an override concerns. */
export type OverrideSubject = Pick<
  Person,
  'id' | 'email' | 'emailCanonical' | 'status' | 'role' | 'provenance' | 'overrides'
>

/**
 * Writes an operator's decision in the caller's transaction. Unless the user is active then, their sessions end in it;
 * all instances hear of the change when it commits. Returns the user as they are then, undefined if there is none or
 * another user has replaced them. Locks follow the order of db/world.ts, the address and then the row, so that no two
 * transactions deadlock.
 */
export async function overrideUser(
  tx: TransactionSql,
  target: OverrideTarget,
  { decision, at, by, verify }: OverrideOrder,
): Promise<OverrideSubject | undefined> {
  if ('email' in target) await lock(tx, 'addresses', [target.email])
  const isTarget =
    'email' in target
      ? tx`email_canonical = ${target.email} and status <> 'deleted'`
      : tx`id = ${target.id}::uuid`
  const [row] = await tx<OverrideSubject[]>`
    select id, email, email_canonical as "emailCanonical", status, role, provenance, overrides
    from firstlogin.users where ${isTarget} and replaced_by is null
    for no key update`
  if (!row) return undefined
  const user: OverrideSubject = { ...row }
  const decided = decide(user, decision, { at, by })
  verify?.(user, decided)
  const { id, emailCanonical, status, role, provenance, overrides = null } = decided
  await tx`
    update firstlogin.users
    set status = ${status}, role = ${role}, provenance = ${tx.json(provenance as never)},
      overrides = ${overrides && tx.json(overrides as never)}, updated_at = now()
    where id = ${id}`
  if (role !== user.role) await saveOwnRole(tx, id, role)
  if (status !== 'active') await endSessionsOf(tx, [id])
  if (status !== user.status || role !== user.role)
    await notify(tx, [{ userId: id, ...(emailCanonical && { email: emailCanonical }) }])
  return decided
}

export interface UserDetails extends StoredUser {
  provenance: Provenance
  overrides: Overrides | null
  replacedBy: string | null
}

/** A user with the source of each value; deleted users included. */
export async function findUserDetails(sql: Sql, id: string): Promise<UserDetails | undefined> {
  const [row] = await sql<UserDetails[]>`
    select ${userColumns(sql)}, u.provenance, u.overrides, u.replaced_by as "replacedBy"
    from firstlogin.users u where u.id = ${id}::uuid`
  return row
}
