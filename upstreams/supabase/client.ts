import { Compile } from 'typebox/compile'
import type { Pass } from '../../domain/gate.ts'
import { type Calls, Refusal } from '../calls.ts'
import { type Account, pickApiUser } from './account.ts'
import { ApiUser, UserPage } from './answers.ts'

const apiUser = Compile(ApiUser)
const userPage = Compile(UserPage)

const unknown = ['user_not_found', 'validation_failed']
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A call with its turn already taken, as in `Calls.send`, or one that waits for it. */
type Ask = Calls['call']

export interface SupabaseClient {
  /** Undefined for an id that no user has. */
  findUser(id: string, ask: Ask): Promise<Account | undefined>
  listUsers(page: number, ask: Ask, filter?: string): Promise<Account[]>
}

/** A page with fewer is the last one. What Supabase says of further pages is not needed, and may be wrong. */
export const pageSize = 100

export const client: SupabaseClient = {
  async findUser(id, ask) {
    if (!uuid.test(id)) return undefined
    try {
      const path = `/admin/users/${id}`
      const account = pickApiUser(await ask({ method: 'GET', path, answer: apiUser, expected: unknown }))
      return account.id.toLowerCase() === id.toLowerCase() ? account : undefined
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  },
  async listUsers(page, ask, filter) {
    const query = new URLSearchParams({ page: `${page}`, per_page: `${pageSize}`, ...(filter && { filter }) })
    const { users } = await ask({ method: 'GET', path: `/admin/users?${query}`, answer: userPage })
    return users.map(pickApiUser)
  },
}

/** Calls within one deadline, of which the first has its turn already. */
export function createTurns(
  { send, enter }: { send: Calls['send']; enter: (maxWaitMs: number) => Promise<Pass> },
  first: Pass,
  deadline: number,
  clock: () => number,
): Ask {
  let pass: Pass | undefined = first
  return async (request) => {
    const turn = pass ?? (await enter(deadline - clock()))
    pass = undefined
    return send(request, turn, deadline)
  }
}
