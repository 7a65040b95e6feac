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
// it takes over); 40 is worth a new try.
const passingStates = /^(?:08|53|57|40|25006)/

/** FL_DATABASE_UNAVAILABLE for a fault that passes; undefined for everything else. */
export function toDatabaseFault(error: unknown): FirstloginError | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  const isPassing =
    error instanceof postgres.PostgresError ? passingStates.test(error.code) : connectionCodes.has(error.code)
  return isPassing
    ? new FirstloginError('FL_DATABASE_UNAVAILABLE', { cause: error, retryAfterS: 2 })
    : undefined
}
