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

/** What other tools write before a hash: Spring's `{bcrypt}`, Dovecot's `{BLF-CRYPT}`, `{CRYPT}` of LDAP. */
const prefixForm = /^\{(?:bcrypt|blf-crypt|crypt|argon2(?:id|i|d)?(?:@\w+)?)\}/i
/** A PHC string with its parameters in any order; without `v` it is of version 16. */
const argon2Form =
  /^\$(argon2(?:id|i|d))(?:\$v=(16|19))?\$([mtp]=\d{1,9}(?:,[mtp]=\d{1,9}){2})\$([A-Za-z0-9+/]{11,86})={0,2}\$([A-Za-z0-9+/]{22,86})={0,2}$/
const bcryptForm = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

type ReadHash =
  | { memoryKiB: number; passes: number; lanes: number; argon2: string }
  | { bcryptCost: number; bcrypt: string }

/** A hash as the libraries read it; undefined for text that is none. */
function readHash(text: string): ReadHash | undefined {
  const hash = text.replace(prefixForm, '')
  const bcrypt = bcryptForm.exec(hash)
  // bcrypt's own prefix for what PHP calls 2y is 2b; the algorithm is the same.
  if (bcrypt) return { bcryptCost: Number(bcrypt[1]), bcrypt: hash.replace(/^\$2y/, '$2b') }
  const [, algorithm, version = '16', list = '', salt, tag] = argon2Form.exec(hash) ?? []
  const named = new Map(list.split(',').map((each) => [each.slice(0, 1), Number(each.slice(2))]))
  const [memoryKiB, passes, lanes] = [named.get('m'), named.get('t'), named.get('p')]
  if (memoryKiB === undefined || passes === undefined || lanes === undefined) return undefined
  const argon2 = `$${algorithm}$v=${version}$m=${memoryKiB},t=${passes},p=${lanes}$${salt}$${tag}`
  return { memoryKiB, passes, lanes, argon2 }
}

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
  const read = readHash(hash)
  if (!read) return undefined
  if ('bcrypt' in read) return read.bcryptCost < 4 ? undefined : Math.max(minCost, 2 ** (read.bcryptCost - 8))
  const { memoryKiB, passes, lanes } = read
  if (passes < 1 || lanes < 1 || memoryKiB < 8 * lanes) return undefined
  if (memoryKiB > maxMemoryKiB || lanes > maxLanes) return Number.POSITIVE_INFINITY
  return Math.max(minCost, (memoryKiB * passes) / (parameters.memoryCost * parameters.timeCost))
}

/**
 * What verifying a password costs: one hash for each of its forms. Where there is no hash, or it cannot be used, hashes of our
 * own are computed instead.
 */
export function costToVerify(password: string, hash: string | null): number {
  const cost = hash !== null && isSupportedHash(hash) ? (costOf(hash) ?? 1) : 1
  return cost * passwordForms(password).length
}

/** A password as it was typed, then in NFC and in NFD: systems and keyboards differ in how they write an accent. */
export function passwordForms(password: string): string[] {
  return [...new Set([password, password.normalize('NFC'), password.normalize('NFD')])]
}

/** True for argon2 and bcrypt hashes that cost at most `maxHashCost`. */
export function isSupportedHash(hash: string): boolean {
  return (costOf(hash) ?? Number.POSITIVE_INFINITY) <= maxHashCost
}

/** True for argon2 and bcrypt hashes that cost more than `maxHashCost`. */
export function isTooExpensiveHash(hash: string): boolean {
  return (costOf(hash) ?? 0) > maxHashCost
}

/** Runs off the event loop. Without a usable hash the result is false, at the cost of hashes of our own. */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  const isUsable = hash !== null && isSupportedHash(hash)
  for (const form of passwordForms(password)) {
    const isRight = isUsable ? await compare(form, hash) : undefined
    if (isRight) return true
    if (isRight === undefined) await argon2Verify(dummyHash, form)
  }
  return false
}

/** Undefined for text that only looks like a hash, such as one that lost a character on its way. */
async function compare(password: string, hash: string): Promise<boolean | undefined> {
  const read = readHash(hash)
  if (!read) return undefined
  if ('bcrypt' in read) return bcryptCompare(password, read.bcrypt)
  return argon2Verify(read.argon2, password).catch(() => undefined)
}

/** Runs off the event loop. */
export async function hashPassword(password: string): Promise<string> {
  return argon2Hash(password, parameters)
}

/** True when the hash is weaker than, or merely different from, what we store today. */
export function isOutdatedHash(hash: string): boolean {
  return !ours.test(hash)
}

export function isBcryptHash(hash: string): boolean {
  return 'bcrypt' in (readHash(hash) ?? {})
}
