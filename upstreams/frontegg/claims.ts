import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { type Change, toMembershipName } from '../../domain/change.ts'
import { FirstloginError } from '../../errors.ts'
import type { Claims, VerifiedToken } from '../upstream.ts'
import { TenantId, UserId } from './answers.ts'
import type { FronteggEnv } from './env.ts'
import { toPersonFields } from './mapping.ts'
import { toRoleGrant } from './words.ts'

/** What no template can take away. All else may be missing, or be anything. */
const UserToken = Type.Object({
  type: Type.Literal('userToken'),
  sub: UserId,
  tenantId: TenantId,
  /** Seconds until the end of the year 9999. */
  iat: Type.Number({ minimum: 0, maximum: 253_402_300_799 }),
})
type UserToken = Static<typeof UserToken>

const userToken = Compile(UserToken)
const upstream = 'frontegg'

/** Access tokens of people who signed in. Those of machines are nobody's sign-in. */
export function createClaims(env: FronteggEnv): Claims {
  const audiences = env.FRONTEGG_AUDIENCE.length > 0 ? env.FRONTEGG_AUDIENCE : [env.FRONTEGG_CLIENT_ID]

  function toChanges({ sub, tenantId, iat }: UserToken, { payload }: VerifiedToken): Change[] {
    const at = Math.floor(iat * 1000)
    const stamp = { at, event: `token ${new Date(at).toISOString()}` }
    const { email: told, email_verified: emailVerified, name, profilePictureUrl } = payload
    // A template without an address, or without a word on its verification, says nothing about it.
    const isEmailTold = typeof told === 'string' && told.trim() !== '' && typeof emailVerified === 'boolean'
    const email = isEmailTold ? { email: told, emailVerified } : undefined
    return [
      {
        type: 'user.upserted',
        upstream,
        externalId: sub,
        isAccount: true,
        ...(email && emailVerified !== true && { isUnverified: true }),
        created: false,
        fields: toPersonFields({ ...email, name, profilePictureUrl }),
        stamp,
      },
      // Its name is in no token: `name` is the person's.
      { type: 'organization.upserted', upstream, externalId: tenantId, created: false, fields: {}, stamp },
      {
        type: 'membership.upserted',
        ...toMembershipName(upstream, tenantId, sub),
        created: true,
        fields: toMembershipFields(payload['roles']),
        stamp,
      },
    ]
  }

  /**
   * A template without roles says nothing of them, which is not that there are none. Roles are named by their keys
   * alone: what one of them means may hang on its display name, which others know.
   */
  function toMembershipFields(roles: unknown) {
    if (!Array.isArray(roles)) return {}
    const told = roles.flatMap((key: unknown) => (typeof key === 'string' ? [{ key }] : []))
    const own = env.FRONTEGG_ROLE_MAP
    const isExplained =
      told.length === roles.length && told.every((role) => toRoleGrant([role], own).isMapped)
    return isExplained ? { grant: toRoleGrant(told, own) } : {}
  }

  return {
    issuer: env.FRONTEGG_ISSUER,
    keysUrl: `${env.FRONTEGG_ISSUER}/.well-known/jwks.json`,
    algorithms: ['RS256'],
    audiences,
    read(token) {
      const { payload } = token
      if (!userToken.Check(payload))
        throw new FirstloginError('FL_TOKEN_INVALID', { cause: 'it is not the token of a person' })
      return {
        user: payload.sub,
        organization: payload.tenantId,
        changes: toChanges(payload, token),
        isImpersonated: isImpersonated(payload),
      }
    },
  }
}

/** By the actor of RFC 8693, or by any claim of that name: Frontegg documents none, and a template may add one. */
function isImpersonated(payload: Readonly<Record<string, unknown>>): boolean {
  const actor = payload['act']
  if (typeof actor === 'object' && actor !== null) return true
  return Object.entries(payload).some(([name, value]) => /impersonat/i.test(name) && Boolean(value))
}
