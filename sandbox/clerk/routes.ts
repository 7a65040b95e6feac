import type { FastifyInstance } from 'fastify'
import { invalidParameter, notFound } from './errors.ts'
import { createQuery, isWanted, type Query, sorted } from './queries.ts'
import type { ClerkUser, KeptMembership } from './records.ts'
import type { Store } from './store.ts'
import type { Tokens } from './tokens.ts'

type ById = { Params: { id: string } }

const userOrders = ['created_at', 'updated_at', 'first_name', 'last_name', 'username', 'last_active_at']
const organizationOrders = ['created_at', 'name', 'members_count']
const membershipOrders = ['created_at', 'first_name', 'last_name', 'username']

/** The Backend API as far as people and their organizations go, and where an instance publishes its keys. */
export function registerRoutes(app: FastifyInstance, store: Store, tokens: Tokens): void {
  app.get('/v1/jwks', () => tokens.jwks())
  app.get('/.well-known/jwks.json', () => tokens.jwks())

  app.get('/v1/users', (request) => {
    const query = createQuery(request)
    return pageOfUsers(sorted(matching(store, query), query, userOrders), query)
  })
  app.get('/v1/users/count', (request) => ({
    object: 'total_count',
    total_count: matching(store, createQuery(request)).length,
  }))
  app.get<ById>('/v1/users/:id', (request) => getUser(store, request.params.id))
  app.get<ById>('/v1/users/:id/organization_memberships', (request) => {
    const { id } = getUser(store, request.params.id)
    return pageOfMemberships(store, createQuery(request), (one) => one.user === id)
  })

  app.get('/v1/organizations', (request) => {
    const query = createQuery(request)
    const shown = [...store.organizations.values()].map((one) => store.showOrganization(one))
    const wanted = shown.filter(({ id }) => isWanted(id, query.all('organization_id')))
    return envelope(sorted(wanted, query, organizationOrders), query)
  })
  app.get<ById>('/v1/organizations/:id', (request) =>
    store.showOrganization(getOrganization(store, request.params.id)),
  )
  app.get<ById>('/v1/organizations/:id/memberships', (request) => {
    const { id } = getOrganization(store, request.params.id)
    const query = createQuery(request)
    const users = query.all('user_id')
    return pageOfMemberships(store, query, (one) => one.organization === id && isWanted(one.user, users))
  })
  app.get('/v1/organization_memberships', (request) =>
    pageOfMemberships(store, createQuery(request), () => true),
  )
}

/** All filters that are given have to fit. */
function matching(store: Store, query: Query): ClerkUser[] {
  const emails = query.all('email_address')?.map((email) => email.toLowerCase())
  const [ids, externalIds] = [query.all('user_id'), query.all('external_id')]
  return [...store.users.values()].filter(
    (user) =>
      isWanted(user.id, ids) &&
      (externalIds === undefined || externalIds.includes(user.external_id ?? '')) &&
      (emails === undefined ||
        user.email_addresses.some((one) => emails.includes(one.email_address.toLowerCase()))),
  )
}

function pageOfUsers(users: ClerkUser[], query: Query): ClerkUser[] {
  const [limit, offset, after] = [query.limit(), query.offset(), query.one('starting_after')]
  if (after === undefined) return users.slice(offset, offset + limit)
  if (offset !== 0) throw invalidParameter('starting_after', 'cannot be combined with an offset.')
  if (query.order(userOrders).by !== 'created_at')
    throw invalidParameter('starting_after', 'requires ordering by created_at.')
  const from = users.findIndex(({ id }) => id === after) + 1
  if (from === 0) throw invalidParameter('starting_after', 'is not a user.')
  return users.slice(from, from + limit)
}

function pageOfMemberships(store: Store, query: Query, isMeant: (one: KeptMembership) => boolean) {
  const wanted = [...store.memberships.values()].filter(isMeant)
  return envelope(
    sorted(wanted, query, membershipOrders).map((one) => store.showMembership(one)),
    query,
  )
}

function envelope<T>(records: T[], query: Query): { data: T[]; total_count: number } {
  const [limit, offset] = [query.limit(), query.offset()]
  return { data: records.slice(offset, offset + limit), total_count: records.length }
}

function getUser(store: Store, id: string): ClerkUser {
  const user = store.users.get(id)
  if (!user) throw notFound('user', id)
  return user
}

/** By its id or its slug. */
function getOrganization(store: Store, name: string) {
  const named = [...store.organizations.values()].find(({ id, slug }) => id === name || slug === name)
  if (!named) throw notFound('organization', name)
  return named
}
