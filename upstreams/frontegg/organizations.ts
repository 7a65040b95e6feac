import { Compile } from 'typebox/compile'
import type { Organizations, UpstreamContext } from '../upstream.ts'
import { type Tenant, TenantList } from './answers.ts'
import type { FronteggCalls } from './calls.ts'
import { toOrganizationChange } from './mapping.ts'

const tenantList = Compile(TenantList)

/** One call each. */
export function createOrganizations(calls: FronteggCalls, { clock }: UpstreamContext): Organizations {
  return {
    batchSize: 5,
    async find(externalIds) {
      const changes = []
      for (const id of externalIds) {
        const readAt = clock()
        const tenant = await findTenant(calls, id)
        if (tenant) changes.push(toOrganizationChange(tenant, readAt))
      }
      return changes
    },
  }
}

/** The answer is a list of one; of none for what is not there. */
export async function findTenant(calls: FronteggCalls, id: string): Promise<Tenant | undefined> {
  // In a path these would lead elsewhere, however they are written.
  if (id === '.' || id === '..') return undefined
  const path = `/tenants/resources/tenants/v1/${encodeURIComponent(id)}`
  const tenants = await calls.ask({ path, answer: tenantList })
  return tenants.find(({ tenantId, deletedAt }) => tenantId === id && !deletedAt)
}
