/** Everything that a caller can act on: code -> HTTP status and the sentence that goes with it. */
export const catalogue = {
  FL_REQUEST_INVALID: [400, 'The request does not have the documented shape.'],
  FL_JSON_INVALID: [400, 'The body is not valid JSON.'],
  FL_PAYLOAD_INVALID: [400, 'The event is not JSON of the documented shape.'],
  FL_EVENT_AHEAD: [400, 'The event is dated more than five minutes ahead of our clock.'],
  FL_EMAIL_INVALID: [400, 'The e-mail address cannot be used.'],
  FL_CREDENTIALS_INVALID: [401, 'E-mail or password is wrong.'],
  FL_SESSION_INVALID: [401, 'There is no session, or it has ended. Sign in.'],
  FL_TOKEN_INVALID: [401, 'There is no valid token.'],
  FL_SIGNATURE_INVALID: [401, 'The signature is missing or wrong.'],
  FL_ACCOUNT_INACTIVE: [403, 'This account is not active.'],
  FL_ROLE_MISSING: [403, 'This needs a stronger role.'],
  FL_ORGANIZATION_MISSING: [403, 'This needs an organization: choose one.'],
  FL_IMPERSONATION_REFUSED: [403, 'This is not open to those who act in the name of another user.'],
  FL_ORIGIN_REFUSED: [403, 'Cookies are only accepted from our own pages.'],
  FL_ROUTE_UNKNOWN: [404, 'There is nothing at this address.'],
  FL_EVENT_UNKNOWN: [404, 'There is no such failed event.'],
  FL_USER_UNKNOWN: [404, 'There is no such user.'],
  FL_UPSTREAM_UNLISTED: [404, 'This upstream cannot do that.'],
  FL_METHOD_UNKNOWN: [405, 'This address does not know the method. Allow names those that it knows.'],
  FL_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
  FL_RECONCILE_BUSY: [409, 'Another instance is comparing everybody right now.'],
  FL_HEADERS_TOO_LARGE: [431, 'The headers are too large.'],
  FL_BODY_TOO_LARGE: [413, 'The body is too large.'],
  FL_CONTENT_TYPE_UNSUPPORTED: [415, 'Send application/json.'],
  FL_LOGIN_THROTTLED: [429, 'Too many failed attempts. Try again later.'],
  FL_RATE_LIMITED: [429, 'Too many requests. Try again later.'],
  FL_INTERNAL: [500, 'Something went wrong on our side.'],
  FL_DATABASE_UNAVAILABLE: [503, 'The database cannot be reached. Try again soon.'],
  FL_UPSTREAM_UNAVAILABLE: [503, 'We cannot look this up right now. Try again soon.'],
  FL_OVERLOADED: [503, 'Too much to do right now. Try again soon.'],
  FL_NOT_READY: [503, 'Not ready yet.'],
} as const satisfies Record<`FL_${string}`, readonly [status: number, title: string]>

export type ErrorCode = keyof typeof catalogue

/** The one error that travels through the house: a code of the catalogue, answered by plugins/problems.ts. */
export class FirstloginError extends Error {
  readonly code: ErrorCode
  readonly status: number
  /** The same, as Fastify's own errors have it, for the error handler of a host app. */
  statusCode: number
  /** Seconds after which a new try makes sense; becomes the Retry-After header. */
  readonly retryAfterS: number | undefined
  /** One more sentence for the caller; never a value that came from outside. */
  readonly detail: string | undefined

  constructor(code: ErrorCode, options: { cause?: unknown; retryAfterS?: number; detail?: string } = {}) {
    super(catalogue[code][1], 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'FirstloginError'
    this.code = code
    this.status = catalogue[code][0]
    this.statusCode = this.status
    this.retryAfterS = options.retryAfterS
    this.detail = options.detail
  }
}

/**
 * An error as it may be logged: what Postgres adds to it (rows, parameters) stays out, for it may hold a hash. A fault that
 * passes by itself has no stack trace: it tells nothing about the program.
 */
export function toLoggable(error: unknown, isExpected = isExpectedFault(error)): object {
  const loggable = error instanceof Error ? describe(error, isExpected) : { name: typeof error }
  // Without a prototype the logger's own serializer leaves it as it is.
  Object.setPrototypeOf(loggable, null)
  return loggable
}

/** The text with every query string left out: `/a?b=c d` becomes `/a d`. */
export function withoutQuery(text: string): string {
  return text.replaceAll(/(?<=\S)\?\S+/g, '')
}

/** Something that the service depends on is away, or a request was refused. */
function isExpectedFault(error: unknown): boolean {
  if (error instanceof FirstloginError) return error.code !== 'FL_INTERNAL'
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(?:ECONN|EPIPE|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|CONNECT|UND_ERR|08|53|57)/.test(code)
}

function describe(error: Error, isExpected: boolean): Record<string, unknown> {
  const code = 'code' in error ? { code: error.code } : {}
  const cause =
    error.cause === undefined
      ? {}
      : { cause: toLoggable(error.cause, isExpected || isExpectedFault(error.cause)) }
  const [message, stack] = [error.message, error.stack ?? ''].map(withoutQuery)
  return { name: error.name, message, ...code, ...(!isExpected && { stack }), ...cause }
}
