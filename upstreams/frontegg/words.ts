import { findWord, type Grant, type RoleWords, toGrant } from '../../domain/grant.ts'
import { toText } from '../text.ts'

/** Nobody is an owner unless the own words say so. */
const usualRoles: RoleWords = {
  admin: 'admin',
  member: 'member',
  viewer: 'viewer',
  readonly: 'viewer',
  'read-only': 'viewer',
  'read only': 'viewer',
}

interface NamedRole {
  key: string
  name?: string | null
}

/** A role is told by its key; its name is what it means where the key is in no list of words. */
export function toRoleGrant(told: readonly NamedRole[], own: RoleWords): Grant {
  const kept = told.flatMap(({ key, name }) => {
    const word = toText(key)
    return word ? [{ key: word, name: toText(name) ?? word }] : []
  })
  const words = kept.map(({ key, name }) => {
    const explained = [own, usualRoles].flatMap((list) =>
      [key, name].filter((word) => findWord(word, list, {})),
    )
    return explained[0] ?? key
  })
  return { ...toGrant(words, own, usualRoles), roles: kept.map(({ key }) => key) }
}
