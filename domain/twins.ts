import type { Change } from './change.ts'
import { type CanonicalEmail, toCanonicalEmail } from './email.ts'

/** The address that a change names as somebody's, if any. */
export function addressOf(change: Change): CanonicalEmail[] {
  if (change.type !== 'user.upserted' || change.isUnvouched) return []
  const email = toCanonicalEmail(change.fields.email ?? '')
  return email ? [email] : []
}

/** Splits off what was read of several records with one address: nobody knows which of them is the person. */
export function splitTwins<T extends Change>(changes: T[]): { single: T[]; rivals: T[][] } {
  const single: T[] = []
  const byAddress = new Map<string, T[]>()
  for (const change of changes) {
    const [email] = addressOf(change)
    if (email === undefined) single.push(change)
    else byAddress.set(email, [...(byAddress.get(email) ?? []), change])
  }
  const rivals: T[][] = []
  for (const group of byAddress.values()) {
    const isOne = group.every(({ upstream, externalId }) => {
      return upstream === group[0]?.upstream && externalId === group[0].externalId
    })
    if (isOne) single.push(...group)
    else rivals.push(group)
  }
  return { single, rivals }
}
