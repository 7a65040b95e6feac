import type { FastifyInstance } from 'fastify'

const versionHeader = 'x-supabase-api-version'
const knownVersion = '2024-01-01'

/** An answer of GoTrue that is not a success; how it is written depends on the version that the caller speaks. */
export class GoTrueError extends Error {
  readonly status: number
  readonly code: string
  /** What callers without a version get instead. */
  readonly bare: object | undefined

  constructor(status: number, code: string, message: string, bare?: object) {
    super(message)
    this.status = status
    this.code = code
    this.bare = bare
  }
}

/** An answer of the gateway in front of it, which knows no versions. */
export class GatewayError extends Error {
  readonly status: number
  readonly hint: string

  constructor(status: number, message: string, hint: string) {
    super(message)
    this.status = status
    this.hint = hint
  }
}

export const userNotFound = () => new GoTrueError(404, 'user_not_found', 'User not found')
export const invalid = (message: string) => new GoTrueError(400, 'validation_failed', message)
export const emailExists = () =>
  new GoTrueError(422, 'email_exists', 'A user with this email address has already been registered')
export const unexpected = (message: string, bare?: object) =>
  new GoTrueError(500, 'unexpected_failure', message, bare)

/** What a unique index says when nobody has looked before. */
export class UniqueViolation extends Error {
  readonly index: string

  constructor(index: string) {
    super(`duplicate key value violates unique constraint "${index}"`)
    this.index = index
  }

  toGoTrue(message: string): GoTrueError {
    return unexpected(message, { code: '23505', message: this.message })
  }
}

export function speakGoTrue(app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('404 page not found\n'))
  app.setErrorHandler((error, request, reply) => {
    reply.header('content-type', 'application/json')
    if (error instanceof GatewayError)
      return reply.code(error.status).send({ message: error.message, hint: error.hint })
    const { status, code, message, bare } = error instanceof GoTrueError ? error : toGoTrue(error)
    reply.code(status).header('x-sb-error-code', code)
    const version = String(request.headers[versionHeader] ?? '')
    // The closest version below the one that was asked for.
    if (/^\d{4}-\d\d-\d\d$/.test(version) && version >= knownVersion)
      return reply.header(versionHeader, knownVersion).send({ code, message })
    const errorId = status >= 500 ? { error_id: request.id } : {}
    return reply.send(bare ?? { code: status, error_code: code, msg: message, ...errorId })
  })
}

function toGoTrue(error: unknown): GoTrueError {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500
  if (status === 400) return new GoTrueError(400, 'bad_json', 'Could not parse request body as JSON')
  return unexpected('Unexpected failure, please check server logs for more information')
}
