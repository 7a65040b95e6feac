import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { type StoredUser, upgradePasswordHash } from '../db/users.ts'
import { type CanonicalEmail, canonicalEmail } from '../domain/email.ts'
import { isOutdatedHash, isTooExpensiveHash } from '../domain/password.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
import type { HashClient, HashPlace } from '../sign-in/hash-queue.ts'
import type { CountedLogin } from '../sign-in/throttle.ts'
import type { IssuedTokens } from './tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    signIn: SignIn
  }
}

export interface Attempt {
  email: string
  password: string
  address: string
  userAgent: string | null
  /** The device cookie that came with the request. */
  device?: string | undefined
  /** The client gets a device cookie after a success. */
  keepDevice?: boolean | undefined
}

export interface SignedIn extends IssuedTokens {
  deviceToken: string | undefined
}

export interface SignIn {
  /**
   * Throws FL_CREDENTIALS_INVALID for a wrong password, an unknown address and a deleted account alike and in the same
   * time, FL_ACCOUNT_INACTIVE for a disabled account with the right password, FL_LOGIN_THROTTLED after too many
   * failures (before the password is looked at), FL_OVERLOADED when too many passwords wait to be checked,
   * FL_UPSTREAM_UNAVAILABLE when an upstream that had to be asked could not be.
   */
  withPassword(attempt: Attempt): Promise<SignedIn>
}

/** A failed login takes this long at least: the kinds of hashes differ in cost, and their difference would tell. */
const failureFloorMs = 100

/** bcrypt looks at no more of a password than this. */
const bcryptBytes = 72

export default fp(
  async function signInPlugin(app) {
    async function withPassword(attempt: Attempt): Promise<SignedIn> {
      const started = performance.now()
      const email = canonicalEmail(attempt.email)
      let login: CountedLogin | undefined
      try {
        const { address, device, keepDevice } = attempt
        login = await app.loginThrottle.begin({ email, address, device, keepDevice })
        const user = await verify(email, login, attempt.password)
        const issued = await login.succeed((success) => app.tokens.issue(user.id, toClient(attempt), success))
        if (!issued) throw new FirstloginError('FL_CREDENTIALS_INVALID')
        await upgrade(user, attempt.password, login)
        app.metrics.logins.inc({ outcome: 'succeeded' })
        return { ...issued, deviceToken: login.deviceToken }
      } catch (error) {
        app.metrics.logins.inc({ outcome: error instanceof FirstloginError ? error.code : 'FL_INTERNAL' })
        await sleep(Math.max(0, failureFloorMs - (performance.now() - started)))
        throw error
      } finally {
        login?.abandon()
      }
    }

    /** The active user whose password this is. */
    async function verify(email: CanonicalEmail, login: CountedLogin, password: string): Promise<StoredUser> {
      const place = await reservePlace(login)
      const found = await app.readThrough.byEmail(email, hasPassword).catch((error: Error) => error)
      const user = found instanceof Error ? undefined : found
      // An earlier version accepted more expensive ones.
      if (user?.passwordHash && isTooExpensiveHash(user.passwordHash))
        app.log.warn({ event: 'password_hash.too_expensive', userId: user.id })
      // An attempt on an unknown address costs what one on a known address does.
      const isRight = await place.verify(password, user?.passwordHash ?? null)
      if (found instanceof Error) {
        await login.excuse()
        throw found
      }
      const isRefused = !user || !isRight
      // Where an unknown address would be asked for upstream, all that fail take as long, and fail as, it would.
      if (user && (isRefused || login.mustAsk || user.status !== 'active')) await pretend(email, login)
      if (isRefused) {
        await login.fail()
        throw new FirstloginError('FL_CREDENTIALS_INVALID')
      }
      if (user.status !== 'active') {
        await login.succeed()
        throw new FirstloginError('FL_ACCOUNT_INACTIVE')
      }
      return user
    }

    /** Throws FL_OVERLOADED before anything else is done for the attempt. */
    async function reservePlace(login: CountedLogin): Promise<HashPlace> {
      try {
        return app.hashQueue.reserve(login)
      } catch (error) {
        await login.withdraw()
        throw error
      }
    }

    async function pretend(email: CanonicalEmail, login: CountedLogin): Promise<void> {
      try {
        await app.readThrough.pretend(email)
      } catch (error) {
        await login.excuse()
        throw error
      }
    }

    const upgrading = new Set<string>()

    /** The password is known at this moment only: a weaker hash of it is replaced now or at the next login. */
    async function upgrade(user: StoredUser, password: string, client: HashClient): Promise<void> {
      if (!user.passwordHash || !isOutdatedHash(user.passwordHash) || upgrading.has(user.id)) return
      // What came after the bytes that bcrypt looked at may be a slip, and must not become the password.
      if (user.passwordHash.startsWith('$2') && Buffer.byteLength(password) > bcryptBytes) return
      upgrading.add(user.id)
      try {
        await upgradePasswordHash(app.sql, user, await app.hashQueue.hash(password, client))
      } catch (error) {
        app.log.warn({ event: 'password_hash.not_upgraded', userId: user.id, err: toLoggable(error) })
      } finally {
        upgrading.delete(user.id)
      }
    }

    app.decorate('signIn', { withPassword } satisfies SignIn)
  },
  {
    name: 'firstlogin-sign-in',
    fastify: '5.x',
    dependencies: [
      'firstlogin-read-through',
      'firstlogin-tokens',
      'firstlogin-login-throttle',
      'firstlogin-hash-queue',
      'firstlogin-metrics',
    ],
  },
)

/** Somebody of whom only an event told has no password here yet: upstream may. */
function hasPassword({ passwordHash }: StoredUser): boolean {
  return passwordHash !== null
}

/** Behind a proxy the address may be anything; a link-local one names an interface of ours. */
function toClient({ address, userAgent }: Attempt): { address: string | null; userAgent: string | null } {
  const [plain = ''] = address.split('%')
  return { address: isIP(plain) ? plain : null, userAgent }
}
