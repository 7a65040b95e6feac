import { FirstloginError } from '../errors.ts'
import type { Role } from '../schemas/user.ts'

interface Ranked {
  role: Role
}

/** Throws FL_ROLE_MISSING where an operator who is not an owner would change an owner, or make one. */
export function verifyRank(operator: Ranked, before: Ranked, after: Ranked): void {
  if (operator.role === 'owner' || (before.role !== 'owner' && after.role !== 'owner')) return
  throw new FirstloginError('FL_ROLE_MISSING', { detail: 'Only an owner can change an owner, or make one.' })
}
