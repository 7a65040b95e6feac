import { findWord } from '../../domain/grant.ts'
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

/** Undefined for a word that nobody explained. An empty cell means active, unless the own words say otherwise. */
export function toStatus(word: string, own: Words<Exclude<UserStatus, 'deleted'>>) {
  return findWord(word, own, usualStatuses)
}

/** An unknown or missing word gives the least. */
export function toRole(word: string, own: Words<Role>): Role {
  return findWord(word, own, usualRoles) ?? 'viewer'
}
