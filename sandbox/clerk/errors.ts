import { randomBytes } from 'node:crypto'
import { VendorError } from '../vendor.ts'

/** An error in the envelope that all of Clerk's have. */
export function clerkError(
  status: number,
  error: { code: string; message: string; long?: string; meta?: object },
  headers: Record<string, string> = {},
): VendorError {
  const { code, message, long = message, meta } = error
  return new VendorError(
    status,
    {
      errors: [{ message, long_message: long, code, ...(meta && { meta }) }],
      clerk_trace_id: randomBytes(16).toString('hex'),
    },
    headers,
  )
}

export const notFound = (what: string, id: string) =>
  clerkError(404, {
    code: 'resource_not_found',
    message: 'not found',
    long: `No ${what} was found with id ${id}.`,
  })

export const noBearer = () =>
  clerkError(401, {
    code: 'authorization_header_format_invalid',
    message: 'Invalid Authorization header format',
    long: 'Invalid Authorization header format. Must be "Bearer <YOUR_API_KEY>"',
  })

export const wrongKey = () =>
  clerkError(401, {
    code: 'clerk_key_invalid',
    message: 'The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.',
  })

export const forbidden = () =>
  clerkError(403, {
    code: 'authorization_invalid',
    message: 'Unauthorized request',
    long: 'You are not authorized to perform this request',
  })

export const noOrganizations = () =>
  clerkError(403, {
    code: 'organization_not_enabled_in_instance',
    message: 'access denied',
    long: 'The organizations feature is not enabled for this instance.',
  })

export const tooManyRequests = (retryAfterS: number) =>
  clerkError(
    429,
    { code: 'too_many_requests', message: 'Too many requests. Please try again in a bit.' },
    { 'retry-after': `${retryAfterS}` },
  )

export const invalidParameter = (name: string, reason: string) =>
  clerkError(422, {
    code: 'form_param_value_invalid',
    message: 'is invalid',
    long: `${name} ${reason}`,
    meta: { param_name: name },
  })
