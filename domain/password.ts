import { availableParallelism } from 'node:os'
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import { compare as bcryptCompare } from 'bcrypt'
import pLimit from 'p-limit'
import { FirstloginError } from '../errors.ts'

/** argon2id at m=19 MiB, t=2, p=1: what every password is kept as, and what a stranger's attempt costs. */
const cost = { memoryCost: 19456, timeCost: 2, parallelism: 1 }
const ours = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/

// The hash of random bytes that nobody kept: it makes an attempt on nobody's account cost what all others do.
const nobodys =
  '$argon2id$v=19$m=19456,t=2,p=1$RlEr+mzcrQe29xnfdPD5lQ$+GcZFf7gw86yJWAIrDMLr+X/MI1WAIqOwwJu2yQiMOc'

const argon2Form =
  /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/
const bcryptForm = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

// Whoever can write a hash upstream must not be able to stop the service with its cost.
const highest = { memoryKiB: 131_072, time: 10, parallelism: 8, bcryptCost: 14 }

/** True for argon2 and bcrypt hashes whose cost is bearable. */
export function isSupportedHash(hash: string): boolean {
  const argon2 = argon2Form.exec(hash)
  if (argon2) {
    const [memoryKiB, time, parallelism] = argon2.slice(1).map(Number)
    return (
      (memoryKiB ?? 0) >= 8 * (parallelism ?? 0) &&
      (memoryKiB ?? 0) <= highest.memoryKiB &&
      inRange(time, highest.time) &&
      inRange(parallelism, highest.parallelism)
    )
  }
  const bcrypt = bcryptForm.exec(hash)
  return bcrypt !== null && Number(bcrypt[1]) >= 4 && Number(bcrypt[1]) <= highest.bcryptCost
}

function inRange(value: number | undefined, most: number): boolean {
  return value !== undefined && value >= 1 && value <= most
}

// More at once would not be faster, and each takes 19 MiB and the processor from everything else.
const cores = availableParallelism()
const atOnce = pLimit(cores)
// Some ten seconds of work: nobody would wait for what comes after it.
const mostWaiting = 750 * cores

/** Off the event loop. Throws FL_OVERLOADED when too many wait. Without a usable hash the answer is false, at the same cost. */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  if (atOnce.pendingCount >= mostWaiting) throw new FirstloginError('FL_OVERLOADED', { retryAfterS: 10 })
  return atOnce(verify, password, hash)
}

async function verify(password: string, hash: string | null): Promise<boolean> {
  const isRight = hash !== null && isSupportedHash(hash) ? await compare(password, hash) : undefined
  if (isRight !== undefined) return isRight
  await argon2Verify(nobodys, password)
  return false
}

/** Undefined for what only looks like a hash, such as one that lost a character on its way. */
async function compare(password: string, hash: string): Promise<boolean | undefined> {
  // bcrypt's own prefix for what PHP calls 2y is 2b; the algorithm is the same.
  if (hash.startsWith('$2')) return bcryptCompare(password, hash.replace(/^\$2y/, '$2b'))
  return argon2Verify(hash, password).catch(() => undefined)
}

export async function hashPassword(password: string): Promise<string> {
  return atOnce(argon2Hash, password, cost)
}

/** True when the hash is weaker or merely other than what we make today. */
export function isOutdatedHash(hash: string): boolean {
  return !ours.test(hash)
}
