import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { FirstloginError } from '../errors.ts'
import {
  FailedEventName,
  type FailedEventPage,
  FailedEventQuery,
  FailedEventPage as Page,
  ReplayReply,
} from '../schemas/admin.ts'
import { ProblemAnswer } from '../schemas/problem.ts'
import { getAccessToken } from './access-token.ts'

const common = { tags: ['admin'], security: [{ bearer: [] }] }
const problems = { '4xx': ProblemAnswer, '5xx': ProblemAnswer }

/** For those who run the place: the role admin, or owner. */
export const adminRoutes: FastifyPluginAsyncTypebox = async function adminRoutes(app) {
  // Before anything of the request is looked at: others learn nothing of what there is.
  app.addHook('onRequest', async function requireAdmin(request, reply) {
    reply.header('cache-control', 'no-store')
    const { user } = await app.sessions.get(app.tokens.verify(getAccessToken(app, request)))
    if (user.role !== 'admin' && user.role !== 'owner') throw new FirstloginError('FL_ROLE_MISSING')
  })

  app.get(
    '/events/failed',
    {
      schema: {
        ...common,
        summary: 'Events that could not be applied, the latest first',
        querystring: FailedEventQuery,
        response: { 200: Page, ...problems },
      },
    },
    async function listFailedEvents(request): Promise<FailedEventPage> {
      const { limit, before } = request.query
      const failed = await app.inbox.listFailed({ limit, before: before ? new Date(before) : undefined })
      const events = failed.map(({ id, type, occurredAt, receivedAt, ...rest }) => ({
        ...rest,
        eventId: id,
        eventType: type,
        occurredAt: occurredAt.toISOString(),
        receivedAt: receivedAt.toISOString(),
      }))
      return { events, next: events.length === limit ? (events.at(-1)?.receivedAt ?? null) : null }
    },
  )

  app.post(
    '/events/failed/:source/:eventId/replay',
    {
      schema: {
        ...common,
        summary: 'Apply a failed event again',
        params: FailedEventName,
        response: { 200: ReplayReply, ...problems },
      },
    },
    async function replayFailedEvent(request): Promise<ReplayReply> {
      const { source, eventId } = request.params
      const result = await app.inbox.replay(source, eventId)
      if (result === 'FL_EVENT_UNKNOWN') throw new FirstloginError(result)
      return { result }
    },
  )
}
