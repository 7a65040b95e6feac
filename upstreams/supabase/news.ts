import type { PersonFields } from '../../domain/change.ts'
import type { Account } from './account.ts'

/** Whether an update touched anything that is followed: most are no more than a sign-in. */
export function isSame(record: Account, before: Account): boolean {
  return JSON.stringify(toTracked(record)) === JSON.stringify(toTracked(before))
}

function toTracked({ raw_app_meta_data: { role }, ...columns }: Account): object {
  return { ...columns, role, updated_at: null }
}

/**
 * What an update says of the person: all that the row has, so that it makes up for a call that was lost. A row that
 * we write ourselves tells what changed and no more: one write is several statements, each of them an update, and
 * between the first and the last the row has old values that nobody has chosen anew.
 */
export function toNews(
  fields: Partial<PersonFields>,
  record: Account,
  before: Account,
  fieldsBefore: Partial<PersonFields>,
): Partial<PersonFields> {
  // A role that was taken away is told once, here: where there is none, none is told.
  const hadRole = fieldsBefore.role !== undefined && fields.role === undefined
  const all: Partial<PersonFields> = hadRole ? { ...fields, role: 'viewer' } : fields
  if (record.raw_app_meta_data.firstlogin.length === 0 || before.deleted_at !== null) return all
  const { email, emailVerified, status, ...others } = all
  const isAddressNews = email !== fieldsBefore.email || emailVerified !== fieldsBefore.emailVerified
  const was: Record<string, unknown> = { ...fieldsBefore }
  const changed = Object.entries(others).filter(([name, value]) => value !== was[name])
  return {
    ...Object.fromEntries(changed),
    ...(isAddressNews && email !== undefined && emailVerified !== undefined && { email, emailVerified }),
    // A ban that has run out looks like none, and its end is news all the same.
    ...(record.banned_until !== before.banned_until && status !== undefined && { status }),
  }
}
