import type { OrganizationUpserted } from '../../domain/change.ts'
import { type Calls, Refusal } from '../calls.ts'
import type { Organizations, UpstreamContext } from '../upstream.ts'
import { isAskable } from './ids.ts'
import { toOrganizationChange, toReading } from './mapping.ts'
import { organizationBy } from './requests.ts'

/** Clerk has no way to ask for several at once: each is a call. */
export function createOrganizations({ call }: Calls, { clock }: UpstreamContext): Organizations {
  async function find(id: string): Promise<OrganizationUpserted[]> {
    const telling = toReading(clock())
    try {
      const found = await call(organizationBy(id))
      return found.id === id ? [toOrganizationChange(found, telling)] : []
    } catch (error) {
      if (error instanceof Refusal) return []
      throw error
    }
  }

  return {
    batchSize: 8,
    async find(externalIds) {
      const found = await Promise.all(externalIds.filter(isAskable).map(find))
      return found.flat()
    },
  }
}
