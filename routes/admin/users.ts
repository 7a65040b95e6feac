import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Operator, Users } from '../../plugins/users.ts'
import {
  type AdminUser,
  AdminUser as Answer,
  UserName,
  type UserOverride,
  UserPatch,
} from '../../schemas/admin-users.ts'
import { ProblemAnswer } from '../../schemas/problem.ts'
import { toUser } from '../views.ts'

export interface AdminUserRoutesOptions {
  /** The user who sent a request, whose role was checked. */
  operatorOf: (request: FastifyRequest) => Operator
}

const refusals = ['FL_SESSION_INVALID', 'FL_ROLE_MISSING', 'FL_DATABASE_UNAVAILABLE'] as const
const common = { tags: ['admin'], security: [{ bearer: [] }, { accessCookie: [] }] }
const problems = { '4xx': ProblemAnswer, '5xx': ProblemAnswer }

/** A user, and what operators decide of them. */
export const adminUserRoutes: FastifyPluginAsyncTypebox<AdminUserRoutesOptions> =
  async function adminUserRoutes(app, { operatorOf }) {
    app.get(
      '/:id',
      {
        schema: {
          ...common,
          summary: 'A user, with the source of each value',
          errors: [...refusals, 'FL_USER_UNKNOWN'],
          params: UserName,
          response: { 200: Answer, ...problems },
        },
      },
      async function readUser(request): Promise<AdminUser> {
        return toAdminUser(await app.users.get(request.params.id))
      },
    )

    app.patch(
      '/:id',
      {
        schema: {
          ...common,
          summary: 'Override the status or role of a user, above every upstream; null lifts the override',
          errors: [...refusals, 'FL_USER_UNKNOWN', 'FL_ORIGIN_REFUSED'],
          params: UserName,
          body: UserPatch,
          response: { 200: Answer, ...problems },
        },
      },
      async function overrideUser(request): Promise<AdminUser> {
        const { id } = request.params
        const operator = operatorOf(request)
        await app.users.override(id, request.body, operator)
        request.log.info({ event: 'user.overridden', userId: id, operator: operator.id, ...request.body })
        return toAdminUser(await app.users.get(id))
      },
    )
  }

type Details = Awaited<ReturnType<Users['get']>>

function toAdminUser(details: Details): AdminUser {
  const { provenance, overrides, replacedBy } = details
  return {
    user: toUser(details),
    provenance: Object.fromEntries(
      Object.entries(provenance).map(([field, { at, ...source }]) => [field, { ...source, at: toTime(at) }]),
    ),
    overrides: {
      ...(overrides?.status && { status: toOverride(overrides.status) }),
      ...(overrides?.role && { role: toOverride(overrides.role) }),
    },
    replacedBy,
  }
}

function toOverride(
  override: NonNullable<NonNullable<Details['overrides']>['role' | 'status']>,
): UserOverride {
  const { value, at, by, projected } = override
  return { value, at: toTime(at), by, without: String(projected.value) }
}

function toTime(at: number): string {
  return new Date(at).toISOString()
}
