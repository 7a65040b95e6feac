import { Compile } from 'typebox/compile'
import type { Change } from '../../domain/change.ts'
import { FirstloginError } from '../../errors.ts'
import type { Directory, DirectoryPage, UpstreamContext } from '../upstream.ts'
import { type FronteggUser, TenantPage } from './answers.ts'
import type { FronteggCalls } from './calls.ts'
import type { FronteggEnv } from './env.ts'
import { toMembershipChange, toOrganizationChange, toTenancies, toUserChange } from './mapping.ts'
import { beginning, type Place, placeAfter, readPlace } from './place.ts'
import { createRoleBook } from './roles.ts'
import { findUsers, pageOfUsers } from './users.ts'

const tenantPage = Compile(TenantPage)
const pageSize = 100

/**
 * Everybody with their memberships, and then the tenants. A page of people costs one call, and one for each tenant
 * that they are in, for a listing does not tell roles; a page of tenants costs one.
 */
export function createDirectory(calls: FronteggCalls, env: FronteggEnv, context: UpstreamContext): Directory {
  const { clock, log } = context
  const book = createRoleBook(calls, clock)

  async function readUsers(at: Place): Promise<DirectoryPage> {
    const readAt = clock()
    const { items } = await calls.ask(pageOfUsers({ ...toQuery(at), _sortBy: 'createdAt', _order: 'ASC' }))
    const next = follow(
      at,
      items.map(({ id }) => id),
    )
    const changes = [
      ...items.map((user) => toUserChange(user, readAt)),
      ...(await toMemberships(items, readAt)),
    ]
    return { changes, size: items.length, next: JSON.stringify(next ?? { ...beginning, list: 'tenants' }) }
  }

  async function toMemberships(users: FronteggUser[], readAt: number): Promise<Change[]> {
    const members = users.flatMap((user) => toTenancies(user).map((tenancy) => ({ id: user.id, ...tenancy })))
    const changes: Change[] = []
    for (const [tenantId, own] of groupByTenant(members.filter(({ isDisabled }) => !isDisabled))) {
      const roles = await book.find(
        tenantId,
        own.map(({ id }) => id),
      )
      changes.push(...own.map(({ id, ...rest }) => toMembershipChange(id, rest, roles.get(id), env, readAt)))
    }
    return changes
  }

  async function readTenants(at: Place): Promise<DirectoryPage> {
    const readAt = clock()
    const path = `/tenants/resources/tenants/v2?${new URLSearchParams(toQuery(at))}`
    const { items } = await calls.ask({ path, answer: tenantPage })
    const changes = items
      .filter(({ deletedAt }) => !deletedAt)
      .map((tenant) => toOrganizationChange(tenant, readAt))
    const next = follow(
      at,
      items.map(({ tenantId }) => tenantId),
    )
    return { changes, size: 0, next: next && JSON.stringify(next) }
  }

  function follow(at: Place, ids: string[]): Place | undefined {
    const next = placeAfter(at, ids, pageSize)
    if (next !== 'stuck') return next
    log('error', 'frontegg.listing_stuck', { list: at.list, offset: at.offset })
    throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE')
  }

  return {
    kinds: ['user', 'membership'],
    async readPage(from) {
      const at = from === undefined ? beginning : readPlace(from)
      if (!at) return 'expired'
      return at.list === 'users' ? readUsers(at) : readTenants(at)
    },
    async findExisting(kind, externalIds) {
      const toUserId = (id: string) => (kind === 'user' ? id : id.slice(id.lastIndexOf(' ') + 1))
      const users = await findUsers(calls, externalIds.map(toUserId))
      const existing = new Set(users.flatMap((user) => (kind === 'user' ? [user.id] : toMembershipIds(user))))
      return externalIds.filter((id) => existing.has(id))
    },
  }
}

function toQuery({ offset }: Place) {
  return { _limit: `${pageSize}`, _offset: `${offset}` }
}

function toMembershipIds(user: FronteggUser): string[] {
  return toTenancies(user).flatMap(({ tenantId, isDisabled }) =>
    isDisabled ? [] : [`${tenantId} ${user.id}`],
  )
}

function groupByTenant<T extends { tenantId: string }>(members: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const member of members) groups.set(member.tenantId, [...(groups.get(member.tenantId) ?? []), member])
  return groups
}
