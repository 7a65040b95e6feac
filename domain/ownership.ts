import type { FieldName } from './change.ts'

/** Who decides a field: `upstream` (its newest value), `local` (upstream only fills a gap), `newest` (later wins). */
export type Owner = 'upstream' | 'local' | 'newest'

export type FieldOwnership = Readonly<Record<FieldName, Owner>>

export const defaultOwnership: FieldOwnership = {
  email: 'upstream',
  emailVerified: 'upstream',
  name: 'upstream',
  avatarUrl: 'local',
  status: 'upstream',
  role: 'newest',
  passwordHash: 'newest',
}
