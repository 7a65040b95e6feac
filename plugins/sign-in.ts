import { isIP } from 'node:net'
import fp from 'fastify-plugin'
import { type StoredUser, upgradePasswordHash } from '../db/users.ts'
import type { Clock } from '../domain/clock.ts'
import { isBcryptHash, isOutdatedHash } from '../domain/password.ts'
import { toLoggable } from '../errors.ts'
import { createFailureRelease } from '../sign-in/failure-release.ts'
import type { HashClient } from '../sign-in/hash-queue.ts'
import { createLines } from '../sign-in/lines.ts'
import { type AttemptLog, type PasswordSignInParts, signInWithPassword } from '../sign-in/password.ts'
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
  /** The log of the request; without it, the app's. */
  log?: AttemptLog
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

export interface SignInOptions {
  /** Of the moment at which failures are answered. Must be the read-through's. */
  clock?: Clock
  random?: () => number
  /** How long one of our own hashes takes at present. */
  unitMs?: () => number
}

/** bcrypt looks at no more of a password than this. */
const bcryptBytes = 72

export default fp<SignInOptions>(
  async function signInPlugin(app, options) {
    const lines = createLines()
    const release = createFailureRelease({ unitMs: () => app.hashQueue.unitMs, ...options })

    async function withPassword({ log = app.log, userAgent, ...attempt }: Attempt): Promise<SignedIn> {
      const parts: PasswordSignInParts<SignedIn> = {
        throttle: app.loginThrottle,
        lines,
        refuseFlood: app.hashQueue.refuseFlood,
        reserveHash: app.hashQueue.reserve,
        lookUp: app.readThrough.lookUp,
        async complete(user, login) {
          const client = { ...toClient(attempt.address, userAgent), passwordHash: user.passwordHash }
          const issued = await login.succeed(async (success) => {
            // A hash that a login at the same moment has made stronger shows only in a second look.
            const first = await app.tokens.issue(user.id, client, success)
            return first ?? app.tokens.issue(user.id, client, success)
          })
          if (!issued) return undefined
          app.readThrough.recheck(user)
          await upgrade(user, attempt.password, login, log)
          return { ...issued, deviceToken: login.deviceToken }
        },
        release,
        count: (outcome) => app.metrics.logins.inc({ outcome }),
      }
      return signInWithPassword(parts, { ...attempt, log })
    }

    const upgrading = new Set<string>()

    /** The password is known at this moment only: a weaker hash of it is replaced now or at the next login. */
    async function upgrade(
      user: StoredUser,
      password: string,
      client: HashClient,
      log: AttemptLog,
    ): Promise<void> {
      if (!user.passwordHash || !isOutdatedHash(user.passwordHash) || upgrading.has(user.id)) return
      // What came after the bytes that bcrypt looked at may be a slip, and must not become the password.
      if (isBcryptHash(user.passwordHash) && Buffer.byteLength(password) > bcryptBytes) return
      upgrading.add(user.id)
      try {
        await upgradePasswordHash(app.sql, user, await app.hashQueue.hash(password, client))
      } catch (error) {
        log.warn({ event: 'password_hash.not_upgraded', userId: user.id, err: toLoggable(error) })
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
      'firstlogin-db',
      'firstlogin-read-through',
      'firstlogin-tokens',
      'firstlogin-login-throttle',
      'firstlogin-hash-queue',
      'firstlogin-metrics',
    ],
  },
)

/** Behind a proxy the address may be anything; a link-local one names an interface of ours. */
function toClient(
  address: string,
  userAgent: string | null,
): { address: string | null; userAgent: string | null } {
  const [plain = ''] = address.split('%')
  return { address: isIP(plain) ? plain : null, userAgent }
}
