import { Compile } from 'typebox/compile'
import { type Role, RoleGrants, RoleList } from './answers.ts'
import type { FronteggCalls } from './calls.ts'

const roleList = Compile(RoleList)
const roleGrants = Compile(RoleGrants)

/** Of one question: a hundred ids keep the address below what Frontegg's proxy takes. */
const mostIds = 100
/** A role's key and name hardly ever change. */
const freshMs = 300_000

export interface RoleBook {
  /** What these people may do in a tenant: one call for each hundred of them. */
  find(tenantId: string, userIds: readonly string[]): Promise<Map<string, Role[]>>
}

/** Which roles people have, where a listing of people does not say. Roles themselves are remembered for minutes. */
export function createRoleBook(calls: FronteggCalls, clock: () => number): RoleBook {
  let known = new Map<string, Role>()
  let knownAt = Number.NEGATIVE_INFINITY

  /** A tenant's own roles are only listed to itself. */
  async function read(tenant?: string): Promise<void> {
    const path = '/identity/resources/roles/v1'
    const roles = await calls.ask({ path, answer: roleList, ...(tenant !== undefined && { tenant }) })
    for (const role of roles) known.set(role.id, role)
  }

  async function learn(tenantId: string, roleIds: readonly string[]): Promise<void> {
    if (clock() - knownAt > freshMs) {
      known = new Map()
      await read()
      knownAt = clock()
    }
    if (roleIds.some((id) => !known.has(id))) await read(tenantId)
    // What nobody knows by then is told by its id, and asked for no more.
    for (const id of roleIds) if (!known.has(id)) known.set(id, { id, key: id })
  }

  return {
    async find(tenantId, userIds) {
      const found = new Map<string, Role[]>()
      for (let from = 0; from < userIds.length; from += mostIds) {
        const ids = userIds.slice(from, from + mostIds).join(',')
        const path = `/identity/resources/users/v3/roles?${new URLSearchParams({ ids })}`
        const grants = await calls.ask({ path, tenant: tenantId, answer: roleGrants })
        await learn(
          tenantId,
          grants.flatMap(({ roleIds }) => roleIds),
        )
        for (const { userId, roleIds } of grants)
          found.set(
            userId,
            roleIds.flatMap((id) => known.get(id) ?? []),
          )
      }
      return found
    },
  }
}
