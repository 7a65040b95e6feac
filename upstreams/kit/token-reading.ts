import type { Change } from '../../domain/change.ts'
import type { TokenReading, VerifiedToken } from '../upstream.ts'
import { demand, demandSame } from './check.ts'
import { demandWellFormed } from './well-formed.ts'

/** What a token may speak of: without an organization the first alone. */
export const kindsOfTokens: readonly string[] = [
  'user.upserted',
  'organization.upserted',
  'membership.upserted',
]

/** Throws unless all that was read of a token is well-formed, about whom it says, and of its `iat`. */
export function demandReading(reading: TokenReading, token: VerifiedToken, upstream: string): void {
  const { user, organization, changes } = reading
  demandWellFormed(changes, upstream)
  for (const one of changes) {
    demandAbout(one, user, organization)
    demandSame(one.stamp.at, Math.floor(token.payload.iat * 1000), 'A token says what was true at its `iat`:')
  }
}

function demandAbout(change: Change, user: string, organization: string | undefined): void {
  demand(kindsOfTokens.includes(change.type), `A token has no news such as ${change.type}.`)
  if (change.type === 'user.upserted') demandSame(change.externalId, user, 'It is about another user:')
  if (change.type === 'organization.upserted')
    demandSame(change.externalId, organization, 'It is about another organization:')
  if ('organization' in change)
    demandSame([change.organization, change.user], [organization, user], 'It is about another membership:')
}
