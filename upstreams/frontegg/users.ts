import { Compile } from 'typebox/compile'
import { type FronteggUser, UserId, UserPage } from './answers.ts'
import type { FronteggCalls, FronteggRequest } from './calls.ts'

const userPage = Compile(UserPage)
const userId = Compile(UserId)

/** Of one question, so that an address stays short and all answers are on one page. */
export const mostIds = 50

export function pageOfUsers(query: Record<string, string>): FronteggRequest<{ items: FronteggUser[] }> {
  return { path: `/identity/resources/users/v3?${new URLSearchParams(query)}`, answer: userPage }
}

export function usersById(ids: readonly string[]): FronteggRequest<{ items: FronteggUser[] }> {
  return pageOfUsers({ _ids: ids.join(','), _limit: '200' })
}

/** Those of these whom Frontegg has, in no order. What cannot be an id of a user is not asked for. */
export async function findUsers(calls: FronteggCalls, ids: readonly string[]): Promise<FronteggUser[]> {
  const asked = [...new Set(ids)].filter(isUserId)
  const found: FronteggUser[] = []
  for (let from = 0; from < asked.length; from += mostIds) {
    const { items } = await calls.ask(usersById(asked.slice(from, from + mostIds)))
    found.push(...items)
  }
  const wanted = new Set(asked)
  return found.filter(({ id }) => wanted.has(id))
}

export function isUserId(id: unknown): id is string {
  return userId.Check(id)
}
