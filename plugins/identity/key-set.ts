import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import type { Sql } from 'postgres'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { claimAsking, findKeySet, saveKeySet } from '../../db/issuer-keys.ts'
import { FirstloginError, toLoggable } from '../../errors.ts'
import type { Http } from '../../upstreams/upstream.ts'

export interface KeySetOptions {
  sql: Sql
  http: Http
  url: string
  /** The issuer has taken a key back: what it signed is worth nothing. */
  onWithdrawn: () => void
  onError: (error: unknown) => void
}

const PublicKey = Type.Object({
  kty: Type.Union([Type.Literal('RSA'), Type.Literal('EC'), Type.Literal('OKP')]),
  kid: Type.String({ minLength: 1, maxLength: 200 }),
  use: Type.Optional(Type.Literal('sig')),
  key_ops: Type.Optional(
    Type.Array(Type.String({ maxLength: 20 }), { maxItems: 20, contains: Type.Literal('verify') }),
  ),
  alg: Type.Optional(Type.String()),
  n: Type.Optional(Type.String()),
  e: Type.Optional(Type.String()),
  crv: Type.Optional(Type.String()),
  x: Type.Optional(Type.String()),
  y: Type.Optional(Type.String()),
})
type PublicKey = Static<typeof PublicKey>
const KeySet = Type.Object({ keys: Type.Array(Type.Unknown(), { maxItems: 100 }) })
const publicKey = Compile(PublicKey)
const answer = Compile(KeySet)

/** All instances together ask an issuer no more often. */
const pauseMs = 10_000
/** Keys that are older are asked for again, behind the answer: an issuer may have taken one back. */
const freshMs = 600_000
/** Without a word from the issuer for longer, its keys are no longer trusted. */
const longestOutageMs = 24 * 3_600_000
const deadlineMs = 3_000
/** Whoever has just looked does not look again for every unknown key. */
const lookPauseMs = 500

/**
 * The keys of one issuer, from memory, from the database, or from the issuer, in this order. Throws
 * FL_UPSTREAM_UNAVAILABLE when the key that a token names might be there but nobody can be asked; FL_TOKEN_INVALID when
 * it is not.
 */
export function createKeySet({ sql, http, url, onWithdrawn, onError }: KeySetOptions): JWTVerifyGetKey {
  let find: JWTVerifyGetKey | undefined
  let kids: ReadonlySet<string> = new Set()
  let known: ReadonlySet<string> = new Set()
  let fetchedAt = 0
  let isAway = false
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  function take(keys: PublicKey[], at: number): void {
    const texts = new Set(keys.map((key) => JSON.stringify(key)))
    const isWithdrawn = [...known].some((text) => !texts.has(text))
    known = texts
    kids = new Set(keys.map(({ kid }) => kid))
    if (isWithdrawn) onWithdrawn()
    find = createLocalJWKSet({ keys })
    fetchedAt = at
  }

  function hasKey(kid: string): boolean {
    return kids.has(kid) && Date.now() - fetchedAt < longestOutageMs
  }

  /** What others have found meanwhile, or else, while the key is not among it, the issuer's own answer. */
  async function look(kid: string | undefined): Promise<void> {
    const isNewer = await takeStored()
    if (kid === undefined ? isNewer : hasKey(kid)) return
    if (await claimAsking(sql, url, pauseMs)) return ask()
    // Another instance may be asking at this moment.
    const giveUpAt = performance.now() + deadlineMs
    while (performance.now() < giveUpAt) {
      const stored = await findKeySet(sql, url)
      if (!stored || stored.ageMs < stored.askedForMs || stored.askedForMs > deadlineMs) break
      await sleep(50)
    }
    await takeStored()
  }

  async function takeStored(): Promise<boolean> {
    const stored = await findKeySet(sql, url)
    if (!stored || !answer.Check(stored.keySet)) return false
    const at = Date.now() - stored.ageMs
    if (at <= fetchedAt + 1000) return false
    take(toPublicKeys(stored.keySet), at)
    isAway = stored.askedForMs < stored.ageMs
    return true
  }

  async function ask(): Promise<void> {
    try {
      const response = await http({ method: 'GET', url, headers: { accept: 'application/json' }, deadlineMs })
      const body: unknown = response.status === 200 ? JSON.parse(response.body) : undefined
      if (!answer.Check(body)) throw new Error(`The issuer answers ${response.status}, or no key set.`)
      const keys = toPublicKeys(body)
      take(keys, Date.now())
      isAway = false
      await saveKeySet(sql, url, { keys })
    } catch (error) {
      isAway = true
      onError(toLoggable(error))
    }
  }

  /** One look serves all who wait; whoever's key it did not look for looks once more. */
  async function lookOnce(kid: string | undefined): Promise<void> {
    if (looking) await looking
    if (kid !== undefined && hasKey(kid)) return
    if (performance.now() - lookedAt < lookPauseMs) return
    looking ??= look(kid).finally(() => {
      looking = undefined
      if (kid === undefined || !hasKey(kid)) lookedAt = performance.now()
    })
    await looking
  }

  return async function findKey(header, token) {
    const ageMs = Date.now() - fetchedAt
    const key = ageMs < longestOutageMs && find ? await tryFind(find, header, token) : undefined
    if (key) {
      if (ageMs > freshMs && performance.now() - lookedAt > pauseMs) lookOnce(undefined).catch(onError)
      return key
    }
    await lookOnce(header.kid)
    const found = Date.now() - fetchedAt < longestOutageMs && find && (await tryFind(find, header, token))
    if (found) return found
    if (isAway || !find) throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE', { retryAfterS: pauseMs / 1000 })
    throw new FirstloginError('FL_TOKEN_INVALID', { cause: 'the key is unknown' })
  }
}

/** Their public parts; a key that is not of a known kind, or not for verifying signatures (RFC 7517, 4.2 and 4.3), is left out. */
function toPublicKeys({ keys }: Static<typeof KeySet>): PublicKey[] {
  return keys.flatMap((key) => (publicKey.Check(key) ? [toPublicPart(key)] : []))
}

function toPublicPart(key: PublicKey): PublicKey {
  const { kty, kid, ...rest } = key
  const names = ['use', 'alg', 'n', 'e', 'crv', 'x', 'y'] as const
  const parts = names.flatMap((name) => (rest[name] === undefined ? [] : [[name, rest[name]] as const]))
  return { kty, kid, ...Object.fromEntries(parts) }
}

async function tryFind(find: JWTVerifyGetKey, ...asked: Parameters<JWTVerifyGetKey>) {
  try {
    return await find(...asked)
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined
    throw error instanceof errors.JOSEError ? error : new errors.JWKSInvalid('A key cannot be used.')
  }
}
