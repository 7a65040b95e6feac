import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { type StoredUser, upgradePasswordHash } from '../db/users.ts'
import { canonicalEmail } from '../domain/email.ts'
import { hashPassword, isOutdatedHash, verifyPassword } from '../domain/password.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
import type { Login } from './login-throttle.ts'
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
}

export interface SignIn {
  /**
   * Throws FL_CREDENTIALS_INVALID for a wrong password, an unknown address and a deleted account alike and in the same
   * time, FL_ACCOUNT_INACTIVE for a disabled account with the right password, FL_LOGIN_THROTTLED after too many
   * failures from the same network, FL_UPSTREAM_UNAVAILABLE when an upstream that had to be asked could not be.
   */
  withPassword(attempt: Attempt): Promise<IssuedTokens>
}

/** A failed login takes this long at least: the kinds of hashes differ in cost, and their difference would tell. */
const failureFloorMs = 100

/** bcrypt looks at no more of a password than this. */
const bcryptBytes = 72

export default fp(
  async function signInPlugin(app) {
    async function withPassword(attempt: Attempt): Promise<IssuedTokens> {
      const started = performance.now()
      const login = { email: canonicalEmail(attempt.email), address: attempt.address }
      try {
        const user = await verify(login, attempt.password)
        const issued = await app.tokens.issue(user.id, toClient(attempt))
        if (!issued) throw new FirstloginError('FL_CREDENTIALS_INVALID')
        await upgrade(user, attempt.password)
        app.metrics.logins.inc({ outcome: 'succeeded' })
        return issued
      } catch (error) {
        app.metrics.logins.inc({ outcome: error instanceof FirstloginError ? error.code : 'FL_INTERNAL' })
        await sleep(Math.max(0, failureFloorMs - (performance.now() - started)))
        throw error
      }
    }

    /** The active person whose password this is. */
    async function verify(login: Login, password: string): Promise<StoredUser> {
      const found = await app.readThrough.byEmail(login.email, hasPassword).catch((error: Error) => error)
      const user = found instanceof Error ? undefined : found
      // A stranger's attempt costs what a known person's does.
      const isRight = await verifyPassword(password, user?.passwordHash ?? null)
      if (found instanceof Error) {
        await app.loginThrottle.excuse(login, false)
        throw found
      }
      if (!user || !isRight) return refuse(login, user !== undefined)
      const { mustAsk } = await app.loginThrottle.succeed(login)
      if (mustAsk || user.status !== 'active') await app.readThrough.pretend(login.email)
      if (user.status !== 'active') throw new FirstloginError('FL_ACCOUNT_INACTIVE')
      return user
    }

    /**
     * A wrong password is counted before anything is waited for. A known person's then takes as long, and fails as, a
     * stranger's, for whom an upstream was asked.
     */
    async function refuse(login: Login, isKnown: boolean): Promise<never> {
      const failure = await app.loginThrottle.fail(login)
      if (!isKnown) throw failure
      try {
        await app.readThrough.pretend(login.email)
      } catch (error) {
        await app.loginThrottle.excuse(login, true)
        throw error
      }
      throw failure
    }

    const upgrading = new Set<string>()

    /** The password is known at this moment only: a weaker hash of it is replaced now or at the next login. */
    async function upgrade(user: StoredUser, password: string): Promise<void> {
      if (!user.passwordHash || !isOutdatedHash(user.passwordHash) || upgrading.has(user.id)) return
      // What came after the bytes that bcrypt looked at may be a slip, and must not become the password.
      if (user.passwordHash.startsWith('$2') && Buffer.byteLength(password) > bcryptBytes) return
      upgrading.add(user.id)
      try {
        await upgradePasswordHash(app.sql, user, await hashPassword(password))
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
