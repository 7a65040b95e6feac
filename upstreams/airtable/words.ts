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
  return find(word, own, usualStatuses)
}

/** An unknown or missing word gives the least. */
export function toRole(word: string, own: Words<Role>): Role {
  return find(word, own, usualRoles) ?? 'viewer'
}

function find<T extends string>(word: string, own: Words<T>, usual: Words<T>): T | undefined {
  const key = word.trim().toLowerCase()
  const mine = Object.entries(own).find(([name]) => name.trim().toLowerCase() === key)
  return mine?.[1] ?? (Object.hasOwn(usual, key) ? usual[key] : undefined)
}
