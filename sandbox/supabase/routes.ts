import type { FastifyInstance } from 'fastify'
import { createUser, getRow, isUuid, softDelete, updateUser } from './admin-users.ts'
import { toApiUser } from './api-user.ts'
import { GoTrueError } from './errors.ts'
import { generateLink, invite, type MayCreate } from './invitations.ts'
import { type ListQuery, listRows } from './listing.ts'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

type ById = { Params: { id: string } }
type Redirected = { Querystring: { redirect_to?: string } }

/** The administrator's calls below /auth/v1. */
export function registerAdminRoutes(
  app: FastifyInstance,
  table: Table,
  { clock, mayCreate }: { clock: () => number; mayCreate: MayCreate },
): void {
  function get(id: string): Row {
    if (!isUuid(id)) throw new GoTrueError(404, 'validation_failed', 'user_id must be an UUID')
    return getRow(table, id.toLowerCase())
  }

  app.post('/admin/users', (request) => toApiUser(createUser(table, request.body, clock)))
  app.get<{ Querystring: ListQuery }>('/admin/users', (request, reply) => {
    const { rows, headers } = listRows(table.all(), request.query, '/admin/users')
    reply.headers(headers)
    return { users: rows.map((row) => toApiUser(row, 'listed')), aud: 'authenticated' }
  })
  app.get<ById>('/admin/users/:id', (request) => toApiUser(get(request.params.id)))
  app.put<ById>('/admin/users/:id', (request) =>
    toApiUser(updateUser(table, get(request.params.id), request.body, clock)),
  )
  app.delete<ById>('/admin/users/:id', (request) => {
    const row = get(request.params.id)
    const { should_soft_delete } = (request.body ?? {}) as { should_soft_delete?: boolean }
    if (should_soft_delete) softDelete(table, row)
    else table.remove(row.id)
    return {}
  })

  app.post('/invite', async (request) => toApiUser(await invite(table, request.body, mayCreate)))
  app.post<Redirected>('/admin/generate_link', async (request) => {
    const { row, link } = await generateLink(table, request.body, request.query.redirect_to, mayCreate)
    return { ...toApiUser(row), ...link }
  })
}
