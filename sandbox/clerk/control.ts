import type { FastifyInstance } from 'fastify'
import { notFound } from './errors.ts'
import type { OrganizationEdit, Store, UserEdit } from './store.ts'
import type { SessionTokenOptions, Tokens } from './tokens.ts'

type ById<Body = unknown> = { Params: { id: string }; Body: Partial<Body> | undefined }
type ByNames = {
  Params: { organization: string; user: string }
  Body: { role?: string; permissions?: string[] } | undefined
}

/** The addresses by which somebody outside plays Clerk's dashboard, and signs in. */
export function registerControlRoutes(app: FastifyInstance, store: Store, tokens: Tokens): void {
  app.put<ById<UserEdit>>('/users/:id', ({ params, body }) => store.putUser({ ...body, ...params }))
  app.delete<ById>('/users/:id', ({ params }) => removed(store.removeUser(params.id), 'user', params.id))

  app.put<ById<OrganizationEdit>>('/organizations/:id', ({ params, body }) =>
    store.putOrganization({ ...body, ...params }),
  )
  app.delete<ById>('/organizations/:id', ({ params }) =>
    removed(store.removeOrganization(params.id), 'organization', params.id),
  )

  app.put<ByNames>('/memberships/:organization/:user', ({ params, body }) =>
    store.putMembership({ ...body, ...params }),
  )
  app.delete<ByNames>('/memberships/:organization/:user', ({ params }) =>
    removed(store.removeMembership(params), 'membership', params.user),
  )

  app.post<{ Body: SessionTokenOptions }>('/session_tokens', async ({ body }) => ({
    jwt: await tokens.sessionToken(body),
  }))
}

function removed(isRemoved: boolean, what: string, id: string) {
  if (!isRemoved) throw notFound(what, id)
  return { id, deleted: true }
}
