import type { FastifyInstance } from 'fastify'

class UnreadableBody extends Error {
  readonly statusCode = 400
}

/** Reads every body as JSON, whatever it is called: curl sends forms by default, and empty ones are no error. */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, async (_request: unknown, body: string | Buffer) => {
    const text = String(body)
    if (text === '') return undefined
    try {
      const parsed: unknown = JSON.parse(text)
      return parsed
    } catch {
      throw new UnreadableBody('The body is not JSON.')
    }
  })
}
