import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createRequestLines, type RequestLines } from './request-log/lines.ts'
import { logSerializers } from './request-log/options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    requestLog: RequestLog
  }
}

export interface RequestLog {
  /** Lines with the id of the request, whatever `logLevel` its route has. */
  of(request: FastifyRequest): RequestLines
}

/** Where pino keeps the serializers of a logger. */
const serializersOf = Symbol.for('pino.serializers')

/**
 * The lines about the requests of this plugin's scope hold no query strings and no headers, also in a host's app and
 * under its logger. What a host refuses before any route is chosen is logged by the host alone: see `logOptions`.
 */
export default fp(
  async function requestLogPlugin(app) {
    app.decorate('requestLog', {
      of: (request) => createRequestLines(app.log, request),
    } satisfies RequestLog)
    // A logger that has them needs no copy of them for every request.
    if (hasSerializers(app.log)) return
    app.setChildLoggerFactory((logger, bindings, options) =>
      logger.child(bindings, { ...options, serializers: { ...options.serializers, ...logSerializers } }),
    )
  },
  { name: 'firstlogin-request-log', fastify: '5.x' },
)

function hasSerializers(logger: object): boolean {
  const serializers: unknown = Reflect.get(logger, serializersOf)
  return (
    typeof serializers === 'object' &&
    serializers !== null &&
    Reflect.get(serializers, 'req') === logSerializers.req
  )
}
