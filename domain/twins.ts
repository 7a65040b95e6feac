import type { Change } from './change.ts'
import { type CanonicalEmail, toCanonicalEmail } from './email.ts'

/** The address by which a change may find somebody, if any. */
export function addressOf(change: Change): CanonicalEmail[] {
  if (change.type !== 'user.upserted' || (change.isUnverified && change.isAccount)) return []
  const email = toCanonicalEmail(change.fields.email ?? '')
  return email ? [email] : []
}

/** The ids of the records that name each address. */
export function idsByAddress(changes: Change[]): Map<CanonicalEmail, Set<string>> {
  const ids = new Map<CanonicalEmail, Set<string>>()
  for (const change of changes) {
    for (const email of addressOf(change))
      ids.set(email, (ids.get(email) ?? new Set()).add(change.externalId))
  }
  return ids
}
