import fp from 'fastify-plugin'
import { findUserDetails, overrideUser, type UserDetails } from '../db/overrides.ts'
import { inTransaction } from '../db/transaction.ts'
import { verifyRank } from '../domain/operator.ts'
import type { OverrideDecision } from '../domain/overrides.ts'
import { FirstloginError } from '../errors.ts'
import type { Role } from '../schemas/user.ts'

declare module 'fastify' {
  interface FastifyInstance {
    users: Users
  }
}

/** Who decides: a user with the role admin or owner. */
export interface Operator {
  id: string
  role: Role
}

/** What operators see of users, and what they decide. */
export interface Users {
  /** Throws FL_USER_UNKNOWN. Deleted and replaced users are shown. */
  get(id: string): Promise<UserDetails>
  /**
   * Sets or lifts overrides. Disabling ends the user's sessions in the same transaction; a deleted user stays deleted.
   * Throws FL_USER_UNKNOWN, or FL_ROLE_MISSING where an admin would change an owner.
   */
  override(id: string, decision: OverrideDecision, operator: Operator): Promise<void>
}

export default fp(
  async function usersPlugin(app) {
    app.decorate('users', {
      async get(id) {
        const user = await findUserDetails(app.sql, id)
        if (!user) throw new FirstloginError('FL_USER_UNKNOWN')
        return user
      },

      async override(id, decision, operator) {
        const decided = await inTransaction(app.sql, (tx) =>
          overrideUser(
            tx,
            { id },
            {
              decision,
              at: Date.now(),
              by: operator.id,
              verify: (before, after) => verifyRank(operator, before, after),
            },
          ),
        )
        if (!decided) throw new FirstloginError('FL_USER_UNKNOWN')
      },
    } satisfies Users)
  },
  { name: 'firstlogin-users', fastify: '5.x', dependencies: ['firstlogin-db'] },
)
