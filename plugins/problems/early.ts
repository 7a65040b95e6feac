import { randomUUID } from 'node:crypto'
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, FirstloginError } from '../../errors.ts'
import { endAfter, endSlowly, isEnding } from '../connections/end-slowly.ts'
import { sendProblem, toKnown, toProblem } from '../problems.ts'

/** What Node refuses, by its codes. */
const codes: Record<string, ErrorCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'FL_REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'FL_HEADERS_TOO_LARGE',
}

/** Options for Fastify(): what it and Node refuse before any plugin sees it is a problem like all others. */
export const earlyProblems = {
  frameworkErrors(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    sendProblem(request, reply, toKnown(error) ?? new FirstloginError('FL_INTERNAL'))
  },

  /** For bytes that are not HTTP, headers without end, and requests that take too long to arrive. */
  clientErrorHandler(this: FastifyInstance, error: ConnectionError, socket: Socket): void {
    // What still arrives at a connection that has had its last answer.
    if (isEnding(socket)) return
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    const response = findDueAnswer(socket)
    // One more answer would be taken for the one that is due.
    if (response) return endAfter(socket, response)
    const code = codes[error.code] ?? 'FL_REQUEST_INVALID'
    const { requestId, text } = toLastAnswer(new FirstloginError(code))
    this.log.debug({ event: 'connection.refused', code: error.code, reqId: requestId })
    endSlowly(socket, text)
  },
}

/** A whole answer, in bytes, for a connection that ends with it. */
export function toLastAnswer(error: FirstloginError): { requestId: string; text: string } {
  const problem = toProblem(error, randomUUID())
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'content-type: application/problem+json',
    'cache-control: no-store',
    ...(error.retryAfterS === undefined ? [] : [`retry-after: ${error.retryAfterS}`]),
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  return { requestId: problem.requestId, text: `${head.join('\r\n')}\r\n\r\n${body}` }
}

/** The answer to a whole request that came before, if it has not been sent yet. */
function findDueAnswer(socket: Socket): ServerResponse | undefined {
  // Where Node's own handler looks as well.
  const response: unknown = Reflect.get(socket, '_httpMessage')
  if (!isResponse(response)) return undefined
  return response.headersSent || response.req.complete ? response : undefined
}

function isResponse(value: unknown): value is ServerResponse {
  return value instanceof ServerResponse
}
