import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { AirtableError, notFound, typedError } from './errors.ts'
import type { Knobs } from './options.ts'

const compress = promisify(gzip)

/** How answers look on the wire: Airtable's headers, its error envelopes, and gzip for whoever accepts it. */
export function speakAirtable(app: FastifyInstance, knobs: Knobs): void {
  app.setNotFoundHandler(() => {
    throw notFound()
  })

  app.setErrorHandler((error, _request, reply) => {
    const answer = error instanceof AirtableError ? error : toAirtableError(error)
    if (answer.status === 429 && knobs.retryAfterS !== undefined)
      reply.header('retry-after', knobs.retryAfterS)
    return reply.code(answer.status).send(answer.body)
  })

  app.addHook('onSend', async (request, reply, payload) => {
    reply.headers({ 'access-control-allow-origin': '*', server: 'Tengine', vary: 'Accept-Encoding' })
    if (typeof payload !== 'string' || !/\bgzip\b/i.test(String(request.headers['accept-encoding'])))
      return payload
    const body = await compress(payload)
    reply.headers({
      'content-encoding': 'gzip',
      'content-length': body.length,
      'airtable-uncompressed-content-length': Buffer.byteLength(payload),
    })
    return body
  })
}

function toAirtableError(error: unknown): AirtableError {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500
  if (status === 413) return typedError(413, 'REQUEST_ENTITY_TOO_LARGE', 'Request body is too large')
  if (status === 400) return typedError(400, 'INVALID_REQUEST_BODY', 'Could not parse request body')
  return typedError(500, 'SERVER_ERROR', 'Internal server error')
}
