import { type Grant, type RoleWords, toGrant } from '../../domain/grant.ts'
import { toText } from '../text.ts'

const prefix = /^org:/

/** Older instances still write `basic_member` for `org:member`. */
const usualRoles = withBoth({ admin: 'admin', member: 'member', basic_member: 'member' })

/** `org:admin` and `admin` mean the same: webhooks and the API write the one, tokens the other. */
export function toClerkGrant(told: readonly string[], own: RoleWords): Grant {
  return toGrant(
    told.map((role) => toText(role) ?? ''),
    withBoth(own),
    usualRoles,
  )
}

/** Every word with and without its prefix; where both are explained, the one without counts. */
function withBoth(words: RoleWords): RoleWords {
  const entries = Object.entries(words).map(([word, role]) => [word.trim().toLowerCase(), role] as const)
  const isBare = ([word]: readonly [string, unknown]) => !prefix.test(word)
  const inOrder = [...entries.filter((entry) => !isBare(entry)), ...entries.filter(isBare)]
  return Object.fromEntries(
    inOrder.flatMap(([word, role]) => {
      const bare = word.replace(prefix, '')
      return [
        [bare, role],
        [`org:${bare}`, role],
      ]
    }),
  )
}
