import type { Role } from '../schemas/user.ts'

/** What an upstream lets somebody do in an organization. */
export interface Grant {
  /** As upstream writes them. */
  roles: string[]
  /** The strongest of those whose meaning is known; `viewer` when none is. */
  role: Role
  isMapped: boolean
}

export type RoleWords = Readonly<Record<string, Role>>

/** From the strongest to the weakest. */
export const roles = ['owner', 'admin', 'member', 'viewer'] as const satisfies readonly Role[]

/** Whether somebody with a role may do what needs another. */
export function isAtLeast(role: Role, needed: Role): boolean {
  return roles.indexOf(role) <= roles.indexOf(needed)
}

/** A word means what the words of one's own say, else what the usual ones do; trimmed and case-blind. */
export function toGrant(told: readonly string[], own: RoleWords, usual: RoleWords): Grant {
  const known = told.flatMap((word) => findWord(word, own, usual) ?? [])
  const [strongest] = known.sort((a, b) => roles.indexOf(a) - roles.indexOf(b))
  return { roles: [...told], role: strongest ?? 'viewer', isMapped: strongest !== undefined }
}

/** What a word means, if anybody has explained it. */
export function findWord<T extends string>(
  word: string,
  own: Readonly<Record<string, T>>,
  usual: Readonly<Record<string, T>>,
): T | undefined {
  const key = word.trim().toLowerCase()
  const mine = Object.entries(own).find(([name]) => name.trim().toLowerCase() === key)
  return mine?.[1] ?? (Object.hasOwn(usual, key) ? usual[key] : undefined)
}
