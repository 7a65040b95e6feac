import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { clearFailures, countFailure, findFailures } from '../db/login-failures.ts'
import { type StoredUser, upgradePasswordHash } from '../db/users.ts'
import { type CanonicalEmail, canonicalEmail } from '../domain/email.ts'
import { clientNetwork } from '../domain/network.ts'
import { hashPassword, isOutdatedHash, verifyPassword } from '../domain/password.ts'
import { deriveKey } from '../domain/sealing.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
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

export interface SignInOptions {
  secret: string
  /** Failures of one account from one network that are allowed in a window. */
  mostFailures?: number
  windowS?: number
}

/** A failed login takes this long at least: the kinds of hashes differ in cost, and their difference would tell. */
const failureFloorMs = 100

export default fp<SignInOptions>(
  async function signInPlugin(app, { secret, mostFailures = 10, windowS = 900 }) {
    const accountKey = deriveKey(secret, 'accounts')

    async function withPassword({
      email: raw,
      password,
      address,
      userAgent,
    }: Attempt): Promise<IssuedTokens> {
      const started = performance.now()
      const email = canonicalEmail(raw)
      const account = createHmac('sha256', accountKey).update(email).digest().subarray(0, 16)
      const network = clientNetwork(address)
      const failures = await findFailures(app.sql, account, network)
      if (failures && failures.failures >= mostFailures) {
        app.metrics.logins.inc({ outcome: 'throttled' })
        throw new FirstloginError('FL_LOGIN_THROTTLED', { retryAfterS: failures.endsInS })
      }
      try {
        const user = await verify(email, password)
        const issued = await app.tokens.issue(user.id, { userAgent, address })
        if (!issued) throw new FirstloginError('FL_CREDENTIALS_INVALID')
        if (failures) await clearFailures(app.sql, account, network)
        await upgrade(user, password)
        app.metrics.logins.inc({ outcome: 'succeeded' })
        return issued
      } catch (error) {
        const outcome = error instanceof FirstloginError ? error.code : 'FL_INTERNAL'
        app.metrics.logins.inc({ outcome })
        if (outcome === 'FL_CREDENTIALS_INVALID') await countFailure(app.sql, account, network, windowS)
        await sleep(Math.max(0, failureFloorMs - (performance.now() - started)))
        throw error
      }
    }

    async function verify(email: CanonicalEmail, password: string): Promise<StoredUser> {
      const found = await app.readThrough.byEmail(email).catch((error: Error) => error)
      const user = found instanceof Error ? undefined : found
      // A stranger's attempt costs what a known person's does.
      const isRight = await verifyPassword(password, user?.passwordHash ?? null)
      if (found instanceof Error) throw found
      if (user && isRight && user.status === 'active') return user
      // And a known person's failed attempt takes as long, and fails as, one that has to ask upstream.
      if (user) await app.readThrough.pretend(email)
      throw new FirstloginError(user && isRight ? 'FL_ACCOUNT_INACTIVE' : 'FL_CREDENTIALS_INVALID')
    }

    const upgrading = new Set<string>()

    /** The password is known at this moment only: a weaker hash of it is replaced now or at the next login. */
    async function upgrade(user: StoredUser, password: string): Promise<void> {
      if (!user.passwordHash || !isOutdatedHash(user.passwordHash) || upgrading.has(user.id)) return
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
    dependencies: ['firstlogin-read-through', 'firstlogin-tokens', 'firstlogin-metrics'],
  },
)
