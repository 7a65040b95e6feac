import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { CallRequest } from '../calls.ts'
import { ClerkMembership, ClerkOrganization, ClerkUser } from './records.ts'

/** Of one list; also as many as a filter takes. Larger pages of people with much metadata may be too large to read. */
export const pageSize = 100

/** Addresses may be long, and a request line may not. */
const longestQuery = 6000

export const missing = 'resource_not_found'
/** An instance without organizations refuses to be asked about them. */
export const withoutOrganizations = 'organization_not_enabled_in_instance'

const users = Compile(Type.Array(ClerkUser))
const organization = Compile(ClerkOrganization)
const organizations = Compile(Type.Object({ data: Type.Array(ClerkOrganization) }))
const memberships = Compile(Type.Object({ data: Type.Array(ClerkMembership) }))

/** Everybody who has one of these addresses or ids, in as few requests as it takes. Several filters would all apply. */
export function usersBy(
  filter: 'email_address' | 'user_id',
  values: readonly string[],
): CallRequest<ClerkUser[]>[] {
  return toQueries(filter, values).map((query) => toGet(`/users?${query}`, users))
}

export function usersAt(offset: number): CallRequest<ClerkUser[]> {
  return toGet(`/users?${toPage(offset)}`, users)
}

export function organizationsAt(offset: number): CallRequest<{ data: ClerkOrganization[] }> {
  const path = `/organizations?${toPage(offset)}`
  return { ...toGet(path, organizations), expected: [withoutOrganizations] }
}

export function membershipsAt(offset: number): CallRequest<{ data: ClerkMembership[] }> {
  const path = `/organization_memberships?${toPage(offset)}`
  return { ...toGet(path, memberships), expected: [withoutOrganizations] }
}

/** Refused with `missing` where there is none. By its id or by its slug, so the answer has to be looked at. */
export function organizationBy(id: string): CallRequest<ClerkOrganization> {
  const path = `/organizations/${encodeURIComponent(id)}`
  return { ...toGet(path, organization), expected: [missing, withoutOrganizations] }
}

export function membershipsOf(
  organizationId: string,
  userIds: readonly string[],
): CallRequest<{ data: ClerkMembership[] }>[] {
  const root = `/organizations/${encodeURIComponent(organizationId)}/memberships`
  return toQueries('user_id', userIds).map((query) => ({
    ...toGet(`${root}?${query}`, memberships),
    expected: [missing, withoutOrganizations],
  }))
}

function toGet<Answer>(
  path: string,
  answer: NonNullable<CallRequest<Answer>['answer']>,
): CallRequest<Answer> {
  return { method: 'GET', path, answer }
}

/** The oldest first: whoever comes in the meantime is at the end. */
function toPage(offset: number): string {
  return `limit=${pageSize}&offset=${offset}&order_by=%2Bcreated_at`
}

function toQueries(filter: string, values: readonly string[]): string[] {
  const queries: string[] = []
  let [query, size] = ['', 0]
  for (const value of values) {
    const part = `&${filter}[]=${encodeURIComponent(value)}`
    if (size === pageSize || query.length + part.length > longestQuery) {
      queries.push(query)
      ;[query, size] = ['', 0]
    }
    query += part
    size += 1
  }
  if (size > 0) queries.push(query)
  return queries.map((one) => `limit=${pageSize}${one}`)
}
