import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemAnswer } from '../schemas/problem.ts'
import { type EventReply, EventReply as Reply } from '../schemas/user-event.ts'
import type { Feed, Webhook } from '../upstreams/upstream.ts'

export interface SyncRoutesOptions {
  /** Whether signed user events are taken in. */
  events: boolean
}

const tags = ['sync']
const problems = { '4xx': ProblemAnswer, '5xx': ProblemAnswer }

/** What upstreams push: events, and pings that there are some. */
export const syncRoutes: FastifyPluginAsyncTypebox<SyncRoutesOptions> = async function syncRoutes(
  app,
  { events },
) {
  app.addHook('onError', async function reportRejection(request, _reply, error) {
    const { code = 'FL_INTERNAL', cause } = error as { code?: string; cause?: unknown }
    const isStranger = code === 'FL_SIGNATURE_INVALID' || code === 'FST_ERR_CTP_BODY_TOO_LARGE'
    if (!isStranger) app.metrics.webhookFailed.inc()
    // Only ours is a sentence; other causes may repeat what was sent.
    const reason = isStranger && typeof cause === 'string' ? { reason: cause } : {}
    request.log.warn({ event: 'webhook.rejected', code, ...reason })
  })

  for (const { name, webhook, feed } of app.upstreams) {
    if (webhook && events) addWebhook(name, webhook)
    if (feed) addFeed(name, feed)
  }

  function addWebhook(name: string, { path, summary, body, verify, read }: Webhook): void {
    app.webhook({
      url: path,
      // Each has a line of its own that says what became of it.
      logLevel: 'warn',
      verify,
      schema: { tags, summary, body, response: { 200: Reply, ...problems } },
      async handler(request): Promise<EventReply> {
        const event = read(request.body)
        return { result: await app.inbox.take(name, event), eventId: event.id }
      },
    })
  }
  function addFeed(name: string, { path, summary }: Feed): void {
    app.webhook({
      url: path,
      verify: (bytes, headers) => app.feeds.takePing(name, bytes, headers),
      schema: { tags, summary, response: { 204: Type.Null(), ...problems } },
      async handler(_request, reply) {
        return reply.code(204).send(null)
      },
    })
  }
}
