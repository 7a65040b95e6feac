import { randomUUID } from 'node:crypto'
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { FirstloginError } from '../../errors.ts'
import { sendProblem, toKnown, toProblem } from '../problems.ts'

interface Connection {
  readonly writable: boolean
  end(text: string): unknown
  destroy(): unknown
}

/** Options for Fastify(): what it and Node refuse before any plugin sees it is a problem like all others. */
export const earlyProblems = {
  frameworkErrors(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    sendProblem(request, reply, toKnown(error) ?? new FirstloginError('FL_INTERNAL'))
  },

  /** For bytes that are not HTTP, headers without end, and requests that never come to one. */
  clientErrorHandler(this: FastifyInstance, error: ConnectionError, socket: Connection): void {
    // Whoever has gone is not told anything.
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    const problem = toProblem(new FirstloginError('FL_REQUEST_INVALID'), randomUUID())
    this.log.debug({ event: 'connection.refused', code: error.code, reqId: problem.requestId })
    const body = JSON.stringify(problem)
    const head = [
      `HTTP/1.1 ${problem.status} ${problem.title}`,
      'content-type: application/problem+json',
      'cache-control: no-store',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  },
}
