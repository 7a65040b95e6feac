import type { Identity } from '../plugins/identity.ts'
import type { Visit } from '../plugins/sessions.ts'
import type { IssuedTokens } from '../plugins/tokens.ts'
import type { Me, Visitor } from '../schemas/auth.ts'
import type { User } from '../schemas/user.ts'

/** A person as everybody may see themselves: never the hash. */
export function toUser(stored: Omit<IssuedTokens['user'], 'passwordHash' | 'sight'>): User {
  const { id, email, name, avatarUrl, emailVerified, status, role, createdAt, lastLoginAt } = stored
  return {
    id,
    email,
    name,
    avatarUrl,
    emailVerified,
    status,
    role,
    createdAt: createdAt.toISOString(),
    lastLoginAt: lastLoginAt?.toISOString() ?? null,
  }
}

export function toMe({ user, session, belongings }: Visit): Me {
  const { id, createdAt, expiresAt } = session
  return {
    user: toUser(user),
    organizations: belongings.map(({ organization: { id, name, slug }, membership: { role } }) => ({
      id,
      name,
      slug,
      role,
    })),
    session: { id, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() },
  }
}

export function toVisitor({ user, organization, membership, upstream, isImpersonated }: Identity): Visitor {
  return {
    user: toUser(user),
    organization:
      organization && membership
        ? {
            id: organization.id,
            name: organization.name,
            slug: organization.slug,
            role: membership.role,
            roles: membership.roles,
          }
        : null,
    upstream,
    isImpersonated,
  }
}
