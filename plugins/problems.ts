import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { toDatabaseFault } from '../db/faults.ts'
import { catalogue, type ErrorCode, FirstloginError, toLoggable, withoutQuery } from '../errors.ts'
import type { Problem } from '../schemas/problem.ts'
import { createAllowedMethods } from './problems/allowed-methods.ts'

// What Fastify itself refuses, in our own words. Its messages may repeat what was sent: they are not passed on.
const frameworkCodes: Record<string, ErrorCode> = {
  FST_ERR_VALIDATION: 'FL_REQUEST_INVALID',
  FST_ERR_CTP_INVALID_JSON_BODY: 'FL_JSON_INVALID',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'FL_JSON_INVALID',
  FST_ERR_CTP_BODY_TOO_LARGE: 'FL_BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'FL_CONTENT_TYPE_UNSUPPORTED',
}

const statusCodes: Record<number, ErrorCode> = {
  404: 'FL_ROUTE_UNKNOWN',
  413: 'FL_BODY_TOO_LARGE',
  415: 'FL_CONTENT_TYPE_UNSUPPORTED',
}

export interface ProblemsOptions {
  /** Also answer for addresses that nobody has. Default true; a host that does so itself must be left alone. */
  unknownRoutes?: boolean
}

/** Every error as problem+json (RFC 9457). What is not in the catalogue is hidden from the caller and logged once. */
export default fp<ProblemsOptions>(
  async function problemsPlugin(app, { unknownRoutes = true }) {
    app.setErrorHandler(function answerProblem(error: FastifyError, request, reply) {
      const known = toKnown(error)
      if (!known || known.status >= 500) {
        request.log[known ? 'warn' : 'error']({
          event: 'request.failed',
          code: known?.code ?? 'FL_INTERNAL',
          // What is away is no fault of the program: its stack trace would only hide the line.
          ...(known ? toReason(known) : { err: toLoggable(error) }),
        })
      }
      return sendProblem(request, reply, known ?? new FirstloginError('FL_INTERNAL'))
    })
    if (!unknownRoutes) return
    const allowed = createAllowedMethods()
    app.addHook('onRoute', ({ url, method }) => allowed.add(url, method))
    // Before a body is read that has no reader.
    app.addHook('onRequest', function refuseUnknownRoute(request, reply, done) {
      done(request.is404 ? toRefusal(request, reply) : undefined)
    })
    app.setNotFoundHandler((request, reply) => sendProblem(request, reply, toRefusal(request, reply)))

    function toRefusal(request: FastifyRequest, reply: FastifyReply): FirstloginError {
      const methods = allowed.at(request.url.split('?')[0] ?? '')
      if (methods.length === 0) return new FirstloginError('FL_ROUTE_UNKNOWN')
      reply.header('allow', methods.join(', '))
      return new FirstloginError('FL_METHOD_UNKNOWN')
    }
  },
  { name: 'firstlogin-problems', fastify: '5.x' },
)

/** The catalogue's word for it; undefined for what only we can be to blame for. */
export function toKnown(error: FastifyError): FirstloginError | undefined {
  if (error instanceof FirstloginError) return error
  const fault = toDatabaseFault(error)
  if (fault) return fault
  const code = frameworkCodes[error.code]
  if (code) return new FirstloginError(code, code === 'FL_REQUEST_INVALID' ? { detail: where(error) } : {})
  const status = error.statusCode ?? 500
  if (status >= 500) return undefined
  return new FirstloginError(statusCodes[status] ?? 'FL_REQUEST_INVALID')
}

function toReason({ cause }: FirstloginError): { reason?: string } {
  if (!(cause instanceof Error)) return {}
  // Where a name has several addresses, the fault of each is inside and the message empty.
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name
  return { reason: withoutQuery(cause.message || code) }
}

/** The place and the rule, never the value. */
function where(error: FastifyError): string {
  const first = error.validation?.[0]
  const path = first?.instancePath.slice(1).replaceAll('/', '.')
  return `${[error.validationContext, path].filter(Boolean).join('.')} ${first?.message ?? 'is not valid'}`
}

export function toProblem(error: FirstloginError, requestId: string): Problem {
  return {
    type: `urn:firstlogin:error:${error.code}`,
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: [catalogue[error.code][1], error.detail].filter(Boolean).join(' '),
    requestId,
  }
}

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  error: FirstloginError,
): FastifyReply {
  if (error.retryAfterS !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterS))
  // RFC 9110, section 15.5.2.
  if (error.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(toProblem(error, request.id)))
}
