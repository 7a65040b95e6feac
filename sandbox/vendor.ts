import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { readJsonBodies } from './bodies.ts'
import { type CallReport, createCallBook } from './calls.ts'
import { guardControl, guardHost } from './control-guard.ts'
import { createFaultAnswers, type FaultWords } from './fault-answers.ts'
import { type Fault, type FaultKind, faultKinds, isFaultKind, noFault } from './faults.ts'
import { createLatency } from './latency.ts'

/** What every stand-in for a vendor has: an API that can be ill, a count of its calls, and a control. */
export interface VendorStandIn {
  app: FastifyInstance
  /** Starts listening; port 0 takes a free one. Answers the address. */
  listen(port?: number, host?: string): Promise<string>
  /** Closes at once, whatever hangs. */
  close(): Promise<void>
  fault(): Fault
  setFault(fault: { kind: FaultKind; latencyMs?: number }): Fault
  heal(): Fault
  calls(): CallReport
  resetCalls(): void
}

/** An answer that is not a success, with the body exactly as it goes over the wire. */
export class VendorError extends Error {
  readonly status: number
  readonly body: object
  readonly headers: Record<string, string>

  constructor(status: number, body: object, headers: Record<string, string> = {}) {
    super(JSON.stringify(body))
    this.status = status
    this.body = body
    this.headers = headers
  }
}

export interface VendorOptions {
  words: Omit<FaultWords, 'dripMs' | 'oversizeBytes'> & Partial<Pick<FaultWords, 'dripMs' | 'oversizeBytes'>>
  /** Throws a VendorError for whoever may not call; told of every call to the API, before its route. */
  admit?: (request: FastifyRequest) => void
  /** Adds the API's routes. */
  api: (app: FastifyInstance) => void
  /** Adds what only a test, or somebody who plays with the sandbox, may do; below /__control. */
  control?: (app: FastifyInstance) => void
  clock?: () => number
}

/** A server for one vendor: its API as `api` says, `GET /__control/calls`, `GET|PUT|DELETE /__control/fault`. */
export function createVendor(options: VendorOptions): VendorStandIn {
  const { words, admit, api, control, clock = Date.now } = options
  const faultAnswers = createFaultAnswers({ dripMs: 1000, oversizeBytes: 50 * 1024 * 1024, ...words })
  const calls = createCallBook(clock)
  const latency = createLatency()
  let fault = noFault

  const app = Fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 1000 } })
  readJsonBodies(app)
  guardHost(app)
  app.decorateRequest('answered', null)
  app.addHook('onClose', async () => latency.cancel())
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof VendorError)) return reply.send(error)
    return (
      reply
        .code(error.status)
        .headers({ 'content-type': words.jsonType, ...error.headers })
        // As bytes: Fastify adds a character set to texts, with which some clients leave a body unread.
        .send(Buffer.from(JSON.stringify(error.body)))
    )
  })

  const standIn: VendorStandIn = {
    app,
    listen: (port = 0, host = '127.0.0.1') => app.listen({ port, host }),
    close: () => app.close(),
    fault: () => fault,
    setFault({ kind, latencyMs = 0 }) {
      fault = { kind, latencyMs }
      return fault
    },
    heal() {
      fault = noFault
      latency.release()
      return fault
    },
    calls: calls.report,
    resetCalls: calls.reset,
  }

  app.register((scope, _options, done) => {
    scope.addHook('onRequest', (request, reply, next) => {
      const { kind, latencyMs } = fault
      const answered = calls.begin(request.method, pathOf(request))
      request.setDecorator('answered', answered)
      latency.after(latencyMs, () => {
        try {
          // A call that a fault has taken goes no further: `next` is never called for it.
          if (kind !== 'none') return faultAnswers[kind](reply, answered)
          admit?.(request)
        } catch (error) {
          return next(error instanceof Error ? error : new Error(String(error)))
        }
        next()
      })
    })
    scope.addHook('onSend', async (request, reply) => {
      // None for a request that was refused before it counted as a call.
      request.getDecorator<((status: number) => void) | null>('answered')?.(reply.statusCode)
    })
    // Fastify would add a character set, with which some clients leave a body unread.
    scope.setReplySerializer((payload) => JSON.stringify(payload))
    scope.addHook('preSerialization', async (_request, reply, payload: unknown) => {
      reply.header('content-type', words.jsonType)
      return payload
    })
    api(scope)
    done()
  })

  app.register(
    (scope, _options, done) => {
      guardControl(scope)
      scope.get('/fault', () => fault)
      scope.put('/fault', (request) => standIn.setFault(toFault(request.body)))
      scope.delete('/fault', () => standIn.heal())
      scope.get('/calls', () => calls.report())
      scope.delete('/calls', (_request, reply) => {
        calls.reset()
        return reply.code(204).send()
      })
      control?.(scope)
      done()
    },
    { prefix: '/__control' },
  )
  return standIn
}

function toFault(body: unknown): Fault {
  const { kind, latencyMs = 0 } = (body ?? {}) as { kind?: unknown; latencyMs?: unknown }
  if (!isFaultKind(kind))
    throw new VendorError(422, { error: `kind must be one of ${faultKinds.join(', ')}.` })
  if (typeof latencyMs !== 'number' || !(latencyMs >= 0 && latencyMs <= 600_000))
    throw new VendorError(422, { error: 'latencyMs must be a number from 0 to 600000.' })
  return { kind, latencyMs }
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}
