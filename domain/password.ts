import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import { compare as bcryptCompare } from 'bcrypt'

/** argon2id at m=19 MiB, t=2, p=1: every password is stored as this, and a login of an unknown address costs this. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const ours = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/

/** Hashes of a higher cost are refused: with them, few logins would keep the service busy. In units of `costOf`. */
export const maxHashCost = 20

// The hash of random bytes that were thrown away: no password matches it.
const dummyHash =
  '$argon2id$v=19$m=19456,t=2,p=1$RlEr+mzcrQe29xnfdPD5lQ$+GcZFf7gw86yJWAIrDMLr+X/MI1WAIqOwwJu2yQiMOc'

const argon2Form =
  /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/
const bcryptForm = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

// Each running hash holds its memory, and each lane a thread.
const maxMemoryKiB = 131_072
const maxLanes = 8
/** Preparing a hash and decoding it take time even where the hash itself is next to nothing. */
const minCost = 0.05

/**
 * What verifying this hash costs, in units of one hash of our own; undefined for text that is no argon2 or bcrypt hash.
 * It depends on the hash alone, so that each machine accepts the same hashes (decision 11 has the measurements).
 */
export function costOf(hash: string): number | undefined {
  const argon2 = argon2Form.exec(hash)
  if (argon2) {
    const [memoryKiB = 0, passes = 0, lanes = 0] = argon2.slice(1).map(Number)
    if (passes < 1 || lanes < 1 || memoryKiB < 8 * lanes) return undefined
    if (memoryKiB > maxMemoryKiB || lanes > maxLanes) return Number.POSITIVE_INFINITY
    return Math.max(minCost, (memoryKiB * passes) / (parameters.memoryCost * parameters.timeCost))
  }
  const bcrypt = bcryptForm.exec(hash)
  if (!bcrypt || Number(bcrypt[1]) < 4) return undefined
  return Math.max(minCost, 2 ** (Number(bcrypt[1]) - 8))
}

/** What verifying costs where the hash cannot be used, or does not exist: one hash of our own is computed instead. */
export function costToVerify(hash: string | null): number {
  return hash !== null && isSupportedHash(hash) ? (costOf(hash) ?? 1) : 1
}

/** True for argon2 and bcrypt hashes that cost at most `maxHashCost`. */
export function isSupportedHash(hash: string): boolean {
  return (costOf(hash) ?? Number.POSITIVE_INFINITY) <= maxHashCost
}

/** True for argon2 and bcrypt hashes that cost more than `maxHashCost`. */
export function isTooExpensiveHash(hash: string): boolean {
  return (costOf(hash) ?? 0) > maxHashCost
}

/** Runs off the event loop. Without a usable hash the result is false, at the cost of one hash of our own. */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  const isRight = hash !== null && isSupportedHash(hash) ? await compare(password, hash) : undefined
  if (isRight !== undefined) return isRight
  await argon2Verify(dummyHash, password)
  return false
}

/** Undefined for text that only looks like a hash, such as one that lost a character on its way. */
async function compare(password: string, hash: string): Promise<boolean | undefined> {
  // bcrypt's own prefix for what PHP calls 2y is 2b; the algorithm is the same.
  if (hash.startsWith('$2')) return bcryptCompare(password, hash.replace(/^\$2y/, '$2b'))
  return argon2Verify(hash, password).catch(() => undefined)
}

/** Runs off the event loop. */
export async function hashPassword(password: string): Promise<string> {
  return argon2Hash(password, parameters)
}

/** True when the hash is weaker than, or merely different from, what we store today. */
export function isOutdatedHash(hash: string): boolean {
  return !ours.test(hash)
}
