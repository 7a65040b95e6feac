import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ProblemAnswer } from '../schemas/problem.ts'
import { type EventReply, EventReply as Reply } from '../schemas/user-event.ts'
import type { Webhook } from '../upstreams/upstream.ts'

const tags = ['sync']
const problems = { '4xx': ProblemAnswer, '5xx': ProblemAnswer }

/** Events that upstreams push: one address for each upstream that can be verified. */
export const syncRoutes: FastifyPluginAsyncTypebox = async function syncRoutes(app) {
  app.addHook('onError', async function reportRejection(request, _reply, error) {
    const { code = 'FL_INTERNAL', cause } = error as { code?: string; cause?: unknown }
    const isStranger = code === 'FL_SIGNATURE_INVALID' || code === 'FST_ERR_CTP_BODY_TOO_LARGE'
    if (!isStranger) app.metrics.webhookFailed.inc()
    // Only ours is a sentence; other causes may repeat what was sent.
    const reason = isStranger && typeof cause === 'string' ? { reason: cause } : {}
    request.log.warn({ event: 'webhook.rejected', code, ...reason })
  })

  for (const { name, webhook } of app.upstreams) {
    if (webhook) addWebhook(name, webhook)
  }

  function addWebhook(name: string, { path, summary, body, verify, read }: Webhook): void {
    app.webhook({
      url: path,
      verify,
      schema: { tags, summary, body, response: { 200: Reply, ...problems } },
      async handler(request): Promise<EventReply> {
        const event = read(request.body)
        return { result: await app.inbox.take(name, event), eventId: event.id }
      },
    })
  }
}
