import { findWord, type Grant, toGrant } from '../../domain/grant.ts'
import type { Role, UserStatus } from '../../schemas/user.ts'

type Words<T extends string> = Readonly<Record<string, T>>

const usualStatuses: Words<Exclude<UserStatus, 'deleted'>> = {
  '': 'active',
  active: 'active',
  enabled: 'active',
  current: 'active',
  true: 'active',
  yes: 'active',
  disabled: 'disabled',
  inactive: 'disabled',
  deactivated: 'disabled',
  suspended: 'disabled',
  blocked: 'disabled',
  banned: 'disabled',
  archived: 'disabled',
  deleted: 'disabled',
  removed: 'disabled',
  former: 'disabled',
  false: 'disabled',
  no: 'disabled',
}

const usualRoles: Words<Role> = {
  owner: 'owner',
  admin: 'admin',
  administrator: 'admin',
  manager: 'admin',
  member: 'member',
  user: 'member',
  editor: 'member',
  staff: 'member',
  viewer: 'viewer',
  guest: 'viewer',
  'read only': 'viewer',
  'read-only': 'viewer',
}

/**
 * Of several words each has to mean the same, or it is disabled. Undefined where one is not in either list. An empty cell means
 * active, unless the own words say otherwise.
 */
export function toStatus(words: string[], own: Words<Exclude<UserStatus, 'deleted'>>) {
  const meant = words.map((word) => findWord(word, own, usualStatuses))
  if (meant.includes(undefined)) return undefined
  return meant.includes('disabled') ? 'disabled' : 'active'
}

/** The strongest of several; unknown or missing words give the least. */
export function toRole(words: string[], own: Words<Role>): Pick<Grant, 'role' | 'isMapped'> {
  return toGrant(words, own, usualRoles)
}
