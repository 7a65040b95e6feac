import { type Change, toMembershipName, type UserUpserted } from '../../domain/change.ts'
import { toCanonicalEmail } from '../../domain/email.ts'
import { toText } from '../text.ts'
import type { Claims } from '../upstream.ts'
import type { ClerkEnv } from './env.ts'
import { upstream } from './mapping.ts'
import { toClerkGrant } from './roles.ts'
import {
  type ActiveOrganization,
  isTold,
  readOrganization,
  readSessionToken,
  refuse,
  type SessionToken,
} from './session-token.ts'

/** What is true of all that one token says. */
type Source = Pick<UserUpserted, 'upstream' | 'stamp'>

/** Session tokens, of the version that Clerk issues and of the one before it. */
export function createClaims(env: ClerkEnv): Claims {
  const { CLERK_ISSUER: issuer, CLERK_AUTHORIZED_PARTIES: parties } = env

  function toMembership(user: string, { id, role, slug }: ActiveOrganization, source: Source): Change[] {
    const fields = role === undefined ? {} : { grant: toClerkGrant([toRoleKey(role)], env.CLERK_ROLE_MAP) }
    const name = toMembershipName(upstream, id, user)
    return [
      {
        type: 'organization.upserted',
        created: false,
        externalId: id,
        fields: slug ? { slug } : {},
        ...source,
      },
      { type: 'membership.upserted', created: true, fields, ...source, ...name },
    ]
  }

  return {
    issuer,
    keysUrl: `${issuer}/.well-known/jwks.json`,
    algorithms: ['RS256'],
    audiences: env.CLERK_AUDIENCE,
    read(token) {
      const claims = readSessionToken(token)
      const { sub: user, azp, act } = claims
      if (parties.length > 0 && !(azp && parties.includes(azp))) refuse('it was made for another party')
      const organization = readOrganization(claims)
      const at = Math.floor(token.payload.iat * 1000)
      const source = { upstream, stamp: { at, event: `token ${new Date(at).toISOString()}` } }
      return {
        user,
        organization: organization?.id,
        changes: [
          toPerson(claims, source),
          ...(organization ? toMembership(user, organization, source) : []),
        ],
        isImpersonated: isTold(act),
      }
    },
  }
}

/** Tokens leave out, or have left out, what every other place writes before a role. */
function toRoleKey(role: string): string {
  return role.startsWith('org:') ? role : `org:${role}`
}

function toPerson({ sub, ...told }: SessionToken, source: Source): UserUpserted {
  const email = toText(told.email, Number.POSITIVE_INFINITY)
  const name = toText(told.name)
  const isVerified = told.email_verified
  // A token is no place to complain about an address: what cannot be one was not told.
  // Nor does one without a word on its verification take the vouching from what is known.
  const isUsable =
    email !== undefined && toCanonicalEmail(email) !== undefined && typeof isVerified === 'boolean'
  return {
    type: 'user.upserted',
    externalId: sub,
    created: false,
    isAccount: true,
    ...(isUsable && !isVerified && { isUnverified: true }),
    fields: {
      ...(isUsable && { email }),
      ...(isUsable && { emailVerified: isVerified }),
      ...(name && { name }),
    },
    ...source,
  }
}
