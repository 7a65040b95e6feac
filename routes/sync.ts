import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { FirstloginError } from '../errors.ts'
import type { RequestLines } from '../plugins/request-log/lines.ts'
import { ProblemAnswer } from '../schemas/problem.ts'
import { type EventReply, EventReply as Reply } from '../schemas/user-event.ts'
import type { Feed, Log, SignUpHook, Webhook } from '../upstreams/upstream.ts'

export interface SyncRoutesOptions {
  /** Whether signed user events are taken in. */
  events: boolean
}

const tags = ['sync']
/** What is answered before the sender is known. */
const strangers: ReadonlySet<string> = new Set([
  'FL_SIGNATURE_INVALID',
  'FL_BODY_TOO_LARGE',
  'FL_RATE_LIMITED',
])
/** Said to whoever may not sign up. */
const refusal = 'This address may not sign up here.'
const refusals = [
  'FL_SIGNATURE_INVALID',
  'FL_PAYLOAD_INVALID',
  'FL_BODY_TOO_LARGE',
  'FL_RATE_LIMITED',
  'FL_DATABASE_UNAVAILABLE',
] as const
const problems = { '4xx': ProblemAnswer, '5xx': ProblemAnswer }

/** What upstreams push: events, and pings that there are some. */
export const syncRoutes: FastifyPluginAsyncTypebox<SyncRoutesOptions> = async function syncRoutes(
  app,
  { events },
) {
  app.addHook('onError', async function reportRejection(request, _reply, error) {
    const { code = 'FL_INTERNAL', cause } = error as { code?: string; cause?: unknown }
    const isStranger = strangers.has(code)
    if (!isStranger) app.metrics.webhookFailed.inc()
    // Only ours is a sentence; other causes may repeat what was sent.
    const reason = isStranger && typeof cause === 'string' ? { reason: cause } : {}
    request.log.warn({ event: 'webhook.rejected', code, ...reason })
  })

  for (const { name, webhook, signUpHook, feed } of app.upstreams) {
    if (webhook && (events || !webhook.isOptIn)) addWebhook(name, webhook)
    if (signUpHook) addSignUpHook(name, signUpHook)
    if (feed) addFeed(name, feed)
  }

  function addWebhook(name: string, webhook: Webhook): void {
    const { path, summary, signatureHeader, body, verifyHeaders, verify, read } = webhook
    app.webhook({
      url: path,
      // Each has a line of its own that says what became of it.
      logLevel: 'warn',
      verifyHeaders,
      verify,
      schema: {
        operationId: `${name}Webhook`,
        tags,
        summary,
        signatureHeader,
        body,
        errors: [...refusals, 'FL_EMAIL_INVALID', 'FL_EVENT_AHEAD', 'FL_UPSTREAM_UNAVAILABLE'],
        response: { 200: Reply, ...problems },
      },
      async handler(request, _reply, delivery): Promise<EventReply> {
        const lines = app.requestLog.of(request)
        const log: Log = (level, event, details) => lines[level]({ event, ...details })
        const event = await read(request.body, { ...delivery, log })
        return { result: await app.inbox.take(name, event, lines), eventId: event.id }
      },
    })
  }

  function addSignUpHook(name: string, hook: SignUpHook): void {
    const { path, summary, signatureHeader, body, verifyHeaders, verify, read, onlyKnown, answers } = hook
    app.webhook({
      url: path,
      verifyHeaders,
      verify,
      schema: {
        operationId: `${name}SignUpWebhook`,
        tags,
        summary,
        signatureHeader,
        body,
        errors: [...refusals, 'FL_UPSTREAM_UNAVAILABLE'],
        response: { 200: Type.Unknown(), ...problems },
      },
      async handler(request) {
        const mayJoin = await maySignUp(read(request.body), onlyKnown, request.log)
        request.log.info({ event: 'sign_up.asked', mayJoin })
        return mayJoin ? answers.allowed : answers.refused(refusal)
      },
    })
  }

  /** Whoever is known here or upstream, and active; others only where anybody may. */
  async function maySignUp(
    email: string | undefined,
    onlyKnown: boolean,
    log: RequestLines,
  ): Promise<boolean> {
    if (email === undefined) return !onlyKnown
    try {
      const user = await app.readThrough.byEmail(email, log)
      return user ? user.status === 'active' : !onlyKnown
    } catch (error) {
      if (!(error instanceof FirstloginError)) throw error
      if (error.code === 'FL_EMAIL_INVALID') return false
      if (error.code === 'FL_UPSTREAM_UNAVAILABLE' && !onlyKnown) return true
      throw error
    }
  }

  function addFeed(name: string, { path, summary, signatureHeader, verifyHeaders }: Feed): void {
    app.webhook({
      url: path,
      verifyHeaders,
      verify: (bytes, headers) => app.feeds.takePing(name, bytes, headers),
      schema: {
        operationId: `${name}PingWebhook`,
        tags,
        summary,
        signatureHeader,
        errors: refusals,
        response: { 204: Type.Null(), ...problems },
      },
      async handler(_request, reply) {
        return reply.code(204).send(null)
      },
    })
  }
}
