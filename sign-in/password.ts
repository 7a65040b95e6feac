import type { StoredUser } from '../db/users.ts'
import { type CanonicalEmail, canonicalEmail } from '../domain/email.ts'
import { clientNetwork } from '../domain/network.ts'
import { isTooExpensiveHash, passwordForms } from '../domain/password.ts'
import { type ErrorCode, FirstloginError } from '../errors.ts'
import type { FailureRelease } from './failure-release.ts'
import type { HashClient, HashPlace } from './hash-queue.ts'
import type { Lines } from './lines.ts'
import type { CountedLogin, Throttle } from './throttle.ts'

/** A structured line in the log of the request. */
export interface AttemptLog {
  info(line: object): void
  warn(line: object): void
}

export interface PasswordAttempt {
  email: string
  password: string
  /** The client's address. */
  address: string
  /** The device cookie that came with the request. */
  device?: string | undefined
  /** After a success the client gets a device cookie. */
  keepDevice?: boolean | undefined
  log: AttemptLog
}

/** The look-up of one login, in PostgreSQL and upstream at the same time. */
export interface LoginLookup {
  /** What PostgreSQL knew when the login came. */
  stored: Promise<StoredUser | undefined>
  /** Waits for the upstreams, or for as long as they would take; see `Ticket.wait`. */
  wait(): Promise<{ at: number; fault?: Error }>
  /** What PostgreSQL knows after that. */
  find(): Promise<StoredUser | undefined>
  /** The login has failed after its wait: the next one from its network does not wait again for a while. */
  remember(): void
  /** The login needs neither an answer nor its time. */
  leave(): void
}

export interface PasswordSignInParts<Issued> {
  throttle: Pick<Throttle, 'begin' | 'isDevice'>
  lines: Lines
  /** Throws FL_OVERLOADED for a network that floods the service. */
  refuseFlood(network: string): void
  /** Throws FL_OVERLOADED. */
  reserveHash(client: HashClient): HashPlace
  /** Begins at once, before it returns. */
  lookUp(login: { email: CanonicalEmail; network: string; log: AttemptLog }): LoginLookup
  /** Starts the session; undefined when the user is no longer active. */
  complete(user: StoredUser, login: CountedLogin): Promise<Issued | undefined>
  release: FailureRelease
  count(outcome: string): void
}

/** As in the log; never in an answer. */
export type FailureReason =
  | 'wrong_password'
  | 'unknown'
  | 'no_password'
  | 'inactive'
  | 'throttled'
  | 'unavailable'

interface Failure {
  reason: FailureReason
  error: unknown
}

type Outcome = { user: StoredUser } | Failure

/** An attempt that counts, has its turn, and may have one hash computed. */
interface Admitted {
  email: CanonicalEmail
  login: CountedLogin
  place: HashPlace
  /** The next attempt on the address may begin. */
  leaveLine(): void
  leave(): void
}

/**
 * Every login takes the same steps in the same order, whatever kind of account it is about: it is counted, waits for its turn
 * in the line of the address, takes a place in the hash queue and in the queues of all upstreams; then come the select, one
 * hash, the end of its look-up, one statement that says what the attempt was, and the release. Only a right password of an
 * active user leaves early.
 */
export async function signInWithPassword<Issued>(
  parts: PasswordSignInParts<Issued>,
  attempt: PasswordAttempt,
): Promise<Issued> {
  const { throttle, lines, refuseFlood, reserveHash, lookUp, complete, release, count } = parts
  const { password, address, device, keepDevice, log } = attempt
  const network = clientNetwork(address)

  const { email, login, place, leaveLine, leave } = await admit().catch((error: unknown) => {
    note(toFailure(error))
    throw error
  })
  const lookup = lookUp({ email, network, log })
  try {
    const outcome = await decide().catch(toFailure)
    const issued = 'user' in outcome ? await finish(outcome.user).catch(toFailure) : outcome
    if ('value' in issued) return issued.value
    note(issued)
    const { at } = await lookup.wait()
    lookup.remember()
    await release(at, { isHeldBack: place.isHeldBack, forms: passwordForms(password).length })
    throw issued.error
  } finally {
    lookup.leave()
    leave()
  }

  /** What is refused here is answered at once: no account has had a part in it. */
  async function admit(): Promise<Admitted> {
    const email = canonicalEmail(attempt.email)
    // A device that has logged in before may be in the same network.
    if (!throttle.isDevice(device)) refuseFlood(network)
    const login = await throttle.begin({ email, address, device, keepDevice })
    let leaveLine = () => {}
    try {
      // Attempts of others do not delay a client that has logged in to the account before.
      leaveLine = await lines.enter(login.isRecognized ? `${email} ${login.client}` : email, network)
      const place = reserveHash(login)
      const leave = () => {
        place.release()
        leaveLine()
        login.abandon()
      }
      return { email, login, place, leaveLine, leave }
    } catch (error) {
      await login.withdraw()
      leaveLine()
      login.abandon()
      throw error
    }
  }

  async function decide(): Promise<Outcome> {
    const stored = await lookup.stored
    // A stored user's own hash is verified at once: a right password never waits for an upstream.
    const early = stored?.passwordHash ? await tryToVerify(stored) : undefined
    if (early === true && stored?.status === 'active' && !login.mustAsk) return { user: stored }
    const { fault } = await lookup.wait()
    const user = early === undefined ? await lookup.find() : stored
    const isRight = early ?? (await tryToVerify(user))
    // Where one upstream could not be asked, another one may have known enough.
    const missing = fault && (early !== undefined || !user?.passwordHash) ? fault : undefined
    if (missing || isRight instanceof Error) {
      await login.excuse()
      return { reason: 'unavailable', error: missing ?? isRight }
    }
    if (!user || !isRight) {
      await login.fail()
      return { reason: reasonOf(user), error: new FirstloginError('FL_CREDENTIALS_INVALID') }
    }
    if (user.status === 'active') return { user }
    await login.forgive()
    return { reason: 'inactive', error: new FirstloginError('FL_ACCOUNT_INACTIVE') }
  }

  /** An error is a result, too: it must not leave earlier than a wrong password. */
  async function tryToVerify(user: StoredUser | undefined): Promise<boolean | Error> {
    const hash = user?.passwordHash ?? null
    // An earlier version accepted more expensive ones.
    if (hash && isTooExpensiveHash(hash)) log.warn({ event: 'password_hash.too_expensive', userId: user?.id })
    return place.verify(password, hash).catch((error: Error) => error)
  }

  async function finish(user: StoredUser): Promise<{ value: Issued } | Failure> {
    // The next attempt may begin: no answer is held back here.
    lookup.leave()
    leaveLine()
    const value = await complete(user, login)
    if (value === undefined)
      return { reason: 'inactive', error: new FirstloginError('FL_CREDENTIALS_INVALID') }
    log.info({ event: 'login.succeeded', userId: user.id })
    count('succeeded')
    return { value }
  }

  function note({ reason, error }: Failure): void {
    log.info({ event: 'login.failed', reason, network })
    count(error instanceof FirstloginError ? error.code : 'FL_INTERNAL')
  }
}

function toFailure(error: unknown): Failure {
  if (hasCode(error, 'FL_EMAIL_INVALID')) return { reason: 'unknown', error }
  return { reason: hasCode(error, 'FL_LOGIN_THROTTLED') ? 'throttled' : 'unavailable', error }
}

function reasonOf(user: StoredUser | undefined): FailureReason {
  if (!user) return 'unknown'
  return user.passwordHash ? 'wrong_password' : 'no_password'
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof FirstloginError && error.code === code
}
