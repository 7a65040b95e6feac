import { randomUUID } from 'node:crypto'
import type { SigningKeys } from './keys.ts'
import type { World } from './world.ts'

export type TokenType =
  | 'userToken'
  | 'userApiToken'
  | 'tenantApiToken'
  | 'userAccessToken'
  | 'tenantAccessToken'

export interface AccessTokenOptions {
  userId: string
  tenantId: string
  type?: TokenType
  /** Over the usual ones; undefined leaves a claim out, as an environment's template may. */
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
}

const lifeS = 3600

/** What Frontegg gives to somebody who signed in, or to a machine. */
export function mintAccessToken(
  { userId, tenantId, type = 'userToken', claims, header }: AccessTokenOptions,
  {
    world,
    keys,
    issuer,
    audience,
    clock,
  }: {
    world: World
    keys: SigningKeys
    issuer: string
    audience: string
    clock: () => number
  },
): string {
  const user = world.remembered(userId)
  const memberships = world.memberships.of(userId)
  const own = memberships.find((membership) => membership.tenantId === tenantId)
  const roles = (own?.roleIds ?? []).flatMap((id) => world.roles.get(id)?.key ?? [])
  const iat = Math.floor(clock() / 1000)
  const isPerson = type === 'userToken'
  const person = {
    sub: userId,
    name: user?.name ?? undefined,
    email: user?.email,
    email_verified: user?.verified ?? false,
    profilePictureUrl: user?.profilePictureUrl ?? undefined,
    metadata: {},
    tenantIds: memberships.map((membership) => membership.tenantId),
    amr: ['pwd'],
    auth_time: iat,
    sid: randomUUID(),
  }
  const machine = {
    sub: randomUUID(),
    createdByUserId: userId,
    ...(type === 'userApiToken' && { userId, email: user?.email, userMetadata: {} }),
    ...(type === 'userAccessToken' && { userId }),
    metadata: {},
  }
  // Access tokens, unlike API tokens, name no roles.
  const rights = type.endsWith('AccessToken') ? {} : { roles, permissions: [] }
  return keys.sign(
    {
      ...(isPerson ? person : machine),
      ...rights,
      type,
      tenantId,
      iss: issuer,
      aud: audience,
      iat,
      exp: iat + lifeS,
      ...claims,
    },
    header,
  )
}
