import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { FirstloginError } from '../errors.ts'
import type { Inbox } from '../plugins/inbox.ts'
import type { Operator } from '../plugins/users.ts'
import {
  type FailedEvent,
  FailedEventName,
  type FailedEventPage,
  FailedEventQuery,
  FailedEventPage as Page,
  ReplayReply,
} from '../schemas/admin.ts'
import { ProblemAnswer } from '../schemas/problem.ts'
import { getAccessToken } from './access-token.ts'
import { adminUserRoutes } from './admin/users.ts'

const refusals = ['FL_SESSION_INVALID', 'FL_ROLE_MISSING', 'FL_DATABASE_UNAVAILABLE'] as const
const common = { tags: ['admin'], security: [{ bearer: [] }, { accessCookie: [] }] }
const problems = { '4xx': ProblemAnswer, '5xx': ProblemAnswer }

/** For those who run the place: the role admin, or owner. */
export const adminRoutes: FastifyPluginAsyncTypebox = async function adminRoutes(app) {
  const operators = new WeakMap<FastifyRequest, Operator>()

  // Before anything of the request is looked at: others learn nothing of what there is.
  app.addHook('onRequest', async function requireAdmin(request, reply) {
    reply.header('cache-control', 'no-store')
    const { user } = await app.sessions.get(
      app.tokens.verify(getAccessToken(app, request)),
      app.requestLog.of(request),
    )
    if (user.role !== 'admin' && user.role !== 'owner') throw new FirstloginError('FL_ROLE_MISSING')
    operators.set(request, { id: user.id, role: user.role })
  })

  await app.register(adminUserRoutes, { prefix: '/users', operatorOf })

  function operatorOf(request: FastifyRequest): Operator {
    const operator = operators.get(request)
    if (!operator) throw new FirstloginError('FL_SESSION_INVALID')
    return operator
  }

  app.get(
    '/events/failed',
    {
      schema: {
        ...common,
        summary: 'Events that could not be applied, the latest first',
        errors: refusals,
        querystring: FailedEventQuery,
        response: { 200: Page, ...problems },
      },
    },
    async function listFailedEvents(request): Promise<FailedEventPage> {
      const { limit = 50, before } = request.query
      const failed = await app.inbox.listFailed({ limit, before: before ? toPlace(before) : undefined })
      const last = failed.length === limit ? failed.at(-1) : undefined
      return { events: failed.map(toAnswer), next: last ? toCursor(last) : null }
    },
  )

  app.post(
    '/events/failed/replay',
    {
      schema: {
        ...common,
        summary: 'Apply a failed event again',
        errors: [...refusals, 'FL_EVENT_UNKNOWN', 'FL_UPSTREAM_UNLISTED', 'FL_ORIGIN_REFUSED'],
        body: FailedEventName,
        response: { 200: ReplayReply, ...problems },
      },
    },
    async function replayFailedEvent(request): Promise<ReplayReply> {
      const { source, eventId } = request.body
      const result = await app.inbox.replay(source, eventId, request.log)
      if (result === 'FL_EVENT_UNKNOWN') throw new FirstloginError(result)
      return { result }
    },
  )
}

type Failed = Awaited<ReturnType<Inbox['listFailed']>>[number]

function toAnswer({ id, type, occurredAt, receivedAt, ...rest }: Failed): FailedEvent {
  return {
    ...rest,
    eventId: id,
    eventType: type,
    occurredAt: occurredAt.toISOString(),
    receivedAt: receivedAt.toISOString(),
  }
}

function toCursor({ receivedAt, source, id }: Failed): string {
  return `${receivedAt.toISOString()} ${source} ${id}`
}

/** Throws FL_REQUEST_INVALID for what is no `next` of ours. */
function toPlace(cursor: string) {
  const [time = '', source = '', ...id] = cursor.split(' ')
  const receivedAt = new Date(time)
  if (Number.isNaN(receivedAt.getTime())) throw new FirstloginError('FL_REQUEST_INVALID')
  return { receivedAt, source, id: id.join(' ') }
}
