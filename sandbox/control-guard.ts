import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isLoopback } from './loopback.ts'

class ControlRefusal extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** Refuses requests under another name than this machine's: a page could have its own name lead here (DNS rebinding). */
export function guardHost(app: FastifyInstance): void {
  app.addHook('onRequest', async function refuseOtherHosts({ headers: { host } }, reply) {
    if (isLoopbackUrl(`http://${host ?? ''}`)) return
    // Not thrown: a stand-in would put it into its vendor's words.
    return reply.code(403).send({ error: 'The sandbox answers to localhost, 127.0.0.1 and [::1] only.' })
  })
}

/** Refuses what a page of another site can make a browser send: only programs and local pages control the sandbox. */
export function guardControl(app: FastifyInstance): void {
  app.addHook('onRequest', async function refusePages(request) {
    const { origin } = request.headers
    if (origin !== undefined && !isLoopbackUrl(origin))
      throw new ControlRefusal(403, 'Pages of other sites do not control the sandbox.')
    // Forms and plain text are what a browser sends to another site without asking.
    if (hasBody(request) && !isJson(request))
      throw new ControlRefusal(415, 'Send JSON, and the header content-type: application/json.')
  })
}

function isLoopbackUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && isLoopback(new URL(text).hostname)
}

function hasBody({ headers }: FastifyRequest): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function isJson({ headers }: FastifyRequest): boolean {
  return /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')
}
