import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { SigningKeys } from './keys.ts'
import { toListedUser, toRole, toTenant, toWholeUser } from './render.ts'
import type { VendorTokens } from './vendor-tokens.ts'
import { refusal } from './words.ts'
import type { StandInUser, World } from './world.ts'

export interface ApiParts {
  world: World
  keys: SigningKeys
  tokens: VendorTokens
  /** Frontegg's own `_offset` counts pages, whatever its documentation says. */
  offsetCounts: 'pages' | 'rows'
}

type Query = Record<string, string | undefined>

const longestUrl = 8000
const mostRoleIds = 250

export function registerApi(app: FastifyInstance, { world, keys, tokens, offsetCounts }: ApiParts): void {
  app.post('/auth/vendor', (request) => tokens.issue(request.body))
  app.get('/.well-known/jwks.json', () => keys.jwks())
  app.get('/identity/resources/configurations/v1', () => ({ publicKey: keys.pem() }))

  app.get('/identity/resources/users/v3', (request) => {
    const query = queryOf(request)
    const tenantId = query['_tenantId'] ?? tenantOf(request)
    const users = world.users.list().filter((user) => isAsked(user, query, tenantId))
    return toPage(
      users.sort(byCreation).map((user) => toListedUser(world, user)),
      query,
    )
  })

  app.get('/identity/resources/users/v3/roles', (request) => {
    const tenantId = tenantOf(request)
    if (tenantId === undefined) throw refusal(403, 'Tenant ID is not specified')
    if (request.url.length > longestUrl) throw refusal(414, 'URI Too Large')
    const ids = queryOf(request)['ids']?.split(',') ?? []
    if (ids.length > mostRoleIds) throw refusal(400, `ids must contain no more than ${mostRoleIds} elements`)
    return world.memberships
      .list()
      .filter((one) => one.tenantId === tenantId && ids.includes(one.userId))
      .map(({ userId, roleIds }) => ({ userId, tenantId, roleIds }))
  })

  app.get<{ Params: { id: string } }>('/identity/resources/vendor-only/users/v1/:id', ({ params }) => {
    const user = world.users.get(params.id)
    if (!user) throw refusal(404, 'User not found')
    return toWholeUser(world, user)
  })

  app.get('/identity/resources/roles/v1', (request) => {
    const tenantId = tenantOf(request)
    const roles = world.roles.list()
    return roles.filter((role) => role.tenantId === null || role.tenantId === tenantId).map(toRole)
  })

  app.get('/tenants/resources/tenants/v1', () => world.tenants.list().map(toTenant))
  app.get('/tenants/resources/tenants/v2', (request) => {
    return toPage(world.tenants.list().map(toTenant), queryOf(request))
  })
  app.get<{ Params: { id: string } }>('/tenants/resources/tenants/v1/:id', ({ params }) => {
    const tenant = world.tenants.get(params.id)
    return tenant ? [toTenant(tenant)] : []
  })

  /** `_email` is a sieve: any part of an address passes. */
  function isAsked(user: StandInUser, query: Query, tenantId: string | undefined): boolean {
    const ids = query['_ids']?.split(',')
    const email = query['_email']?.toLowerCase() ?? ''
    const isMember = () => world.memberships.of(user.id).some((one) => one.tenantId === tenantId)
    return (
      (!ids || ids.includes(user.id)) &&
      user.email.toLowerCase().includes(email) &&
      (tenantId === undefined || isMember())
    )
  }

  function toPage(all: object[], query: Query): object {
    const [limit, offset] = [Number(query['_limit'] ?? 50), Number(query['_offset'] ?? 0)]
    if (!(limit >= 1 && limit <= 200)) throw refusal(400, '_limit must not be greater than 200')
    const from = offsetCounts === 'pages' ? offset * limit : offset
    const _metadata = { totalItems: all.length, totalPages: Math.ceil(all.length / limit) }
    return {
      _metadata,
      _links: { next: '', prev: '', first: '', last: '' },
      items: all.slice(from, from + limit),
    }
  }
}

function queryOf(request: FastifyRequest): Query {
  return Object.fromEntries(new URL(request.url, 'http://stand-in').searchParams)
}

function tenantOf({ headers }: FastifyRequest): string | undefined {
  const named = headers['frontegg-tenant-id']
  return typeof named === 'string' ? named : undefined
}

function byCreation(a: StandInUser, b: StandInUser): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt)
}
