import postgres from 'postgres'
import { FirstloginError } from '../errors.ts'

const connectionCodes = new Set([
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
])

// Classes 08 (connection), 53 (resources) and 57 (operator intervention, such as a restart), 25006 (a standby before
// it takes over).
const awayStates = /^(?:08|53|57|25006)/
/** Of several transactions that stood in each other's way this one was ended: it is worth a new try. */
const conflictStates = /^40/

// The server says goodbye: it shuts down, or has crashed. Other states of class 57 leave the connection as it is.
const goodbyes = /^(?:08|57P0)/

/** Whether the connection on which this happened is gone, or about to be. */
export function isConnectionLost(error: unknown): boolean {
  return isOfConnection(error, goodbyes)
}

/** Whether nobody at all can use the database right now. */
export function isConnectionFault(error: unknown): boolean {
  return isOfConnection(error, awayStates)
}

/** FL_DATABASE_UNAVAILABLE for a fault that passes; undefined for everything else. */
export function toDatabaseFault(error: unknown): FirstloginError | undefined {
  const isConflict = error instanceof postgres.PostgresError && conflictStates.test(error.code)
  return isConflict || isConnectionFault(error)
    ? new FirstloginError('FL_DATABASE_UNAVAILABLE', { cause: error, retryAfterS: 2 })
    : undefined
}

/** Whether there was no getting through, or the server answered with one of these states. */
function isOfConnection(error: unknown, states: RegExp): boolean {
  return error instanceof postgres.PostgresError ? states.test(error.code) : isSocketFault(error)
}

/** Whether the socket failed, or the library gave it up: what the server itself answers is no such fault. */
export function isSocketFault(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    connectionCodes.has(error.code)
  )
}
