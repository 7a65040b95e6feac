export type ErrorBody =
  | { error: { type: string; message?: string } }
  | { error: string }
  | { errors: { error: string; message: string }[] }

/** An answer of Airtable that is not a success, with the body exactly as it goes over the wire. */
export class AirtableError extends Error {
  readonly status: number
  readonly body: ErrorBody

  constructor(status: number, body: ErrorBody) {
    super(JSON.stringify(body))
    this.status = status
    this.body = body
  }
}

export function typedError(status: number, type: string, message?: string): AirtableError {
  return new AirtableError(status, { error: message === undefined ? { type } : { type, message } })
}

export function pluralError(status: number, code: string, message: string): AirtableError {
  return new AirtableError(status, { errors: [{ error: code, message }] })
}

export const notFound = () => new AirtableError(404, { error: 'NOT_FOUND' })

export const authenticationRequired = () =>
  typedError(401, 'AUTHENTICATION_REQUIRED', 'Authentication required')

export const noSuchModel = () =>
  typedError(
    403,
    'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND',
    'Invalid permissions, or the requested model was not found. Check that both your user and your token have ' +
      'the required permissions, and that the model names and/or ids are correct.',
  )

export const tableNotFound = (table: string, base: string) =>
  typedError(404, 'TABLE_NOT_FOUND', `Could not find table ${table} in application ${base}`)

export const rateLimitReached = () =>
  pluralError(429, 'RATE_LIMIT_REACHED', 'Rate limit exceeded. Please try again later')

export const unknownField = (name: string) =>
  typedError(422, 'UNKNOWN_FIELD_NAME', `Unknown field name: "${name}"`)

export const invalidFormula = (reason: string) =>
  typedError(422, 'INVALID_FILTER_BY_FORMULA', `The formula for filtering records is invalid: ${reason}`)

export const invalidOffset = (offset: unknown) =>
  typedError(422, 'INVALID_OFFSET_VALUE', `The value of offset ${String(offset)} is invalid`)

export const iteratorGone = () => typedError(422, 'LIST_RECORDS_ITERATOR_NOT_AVAILABLE')

export const invalidRequest = (
  message = 'Invalid request: parameter validation failed. Check your request data.',
) => typedError(422, 'INVALID_REQUEST_UNKNOWN', message)

export const invalidRecords = () =>
  typedError(422, 'INVALID_RECORDS', 'You must provide an array of up to 10 record objects.')

export const invalidValue = (field: string, reason = 'cannot accept the provided value') =>
  typedError(422, 'INVALID_VALUE_FOR_COLUMN', `Field "${field}" ${reason}`)
