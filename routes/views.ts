import type { Visit } from '../plugins/sessions.ts'
import type { IssuedTokens } from '../plugins/tokens.ts'
import type { Me } from '../schemas/auth.ts'
import type { User } from '../schemas/user.ts'

/** A person as everybody may see themselves: never the hash. */
export function toUser(stored: IssuedTokens['user']): User {
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

export function toMe({ user, session, organizations }: Visit): Me {
  const { id, createdAt, expiresAt } = session
  return {
    user: toUser(user),
    organizations,
    session: { id, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() },
  }
}
