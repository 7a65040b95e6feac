import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { CallBook } from '../calls.ts'
import { createFaultAnswers } from '../fault-answers.ts'
import type { Fault } from '../faults.ts'
import type { Latency } from '../latency.ts'
import type { RateLimit } from '../rate-limit.ts'
import { authenticationRequired, noSuchModel, rateLimitReached, typedError } from './errors.ts'
import { faultWordsOf } from './fault-words.ts'
import type { Knobs } from './options.ts'

export type Gate = {
  baseId: string
  knobs: Knobs
  calls: CallBook
  fault(): Fault
  latency: Latency
  tokens: { knows(token: string): boolean; opens(token: string): boolean }
  baseLimit: RateLimit
  userLimit(token: string): RateLimit
}

/** Everything that happens to a call before a route sees it: counting, faults, limits and tokens. */
export function guard(app: FastifyInstance, gate: Gate): void {
  const { latency } = gate
  const faultAnswers = createFaultAnswers(faultWordsOf(gate.knobs))
  app.decorateRequest('answered', null)
  app.addHook('onClose', async () => latency.cancel())

  app.addHook('onRequest', (request, reply, done) => {
    const { kind, latencyMs } = gate.fault()
    const answered = gate.calls.begin(request.method, pathOf(request))
    request.setDecorator('answered', answered)
    latency.after(latencyMs, () => {
      try {
        // A call that a fault has taken goes no further: `done` is never called for it.
        if (suffer(kind, request, reply, answered)) return
        admit(request, gate)
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)))
        return
      }
      done()
    })
  })

  app.addHook('onSend', async (request, reply) => {
    // None for a request that was refused before it counted as a call.
    request.getDecorator<((status: number) => void) | null>('answered')?.(reply.statusCode)
  })

  function suffer(
    kind: Fault['kind'],
    request: FastifyRequest,
    reply: FastifyReply,
    answered: (status: number) => void,
  ): boolean {
    if (kind === 'none') return false
    // The monthly quota is one of records; what Airtable tells about the base goes on.
    if (kind === 'quota' && pathOf(request).startsWith('/v0/meta/')) return false
    if (kind === 'rate_limit') gate.baseLimit.penalize()
    faultAnswers[kind](reply, answered)
    return true
  }
}

function admit(request: FastifyRequest, gate: Gate): void {
  const { urlLimit, urlLimitStatus } = gate.knobs
  if (request.url.length > urlLimit) {
    throw typedError(urlLimitStatus, 'URI_TOO_LONG', `The URL must not exceed ${urlLimit} characters.`)
  }
  const token = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined || !gate.tokens.knows(token)) throw authenticationRequired()

  const concernsBase = pathOf(request).split('/').includes(gate.baseId)
  const limits = concernsBase ? [gate.baseLimit, gate.userLimit(token)] : [gate.userLimit(token)]
  if (!limits.every((limit) => limit.take())) throw rateLimitReached()
  if (concernsBase && !gate.tokens.opens(token)) throw noSuchModel()
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}
