import { createHmac } from 'node:crypto'
import fp from 'fastify-plugin'
import { clearFailures, countFailure, type Failures, findFailures } from '../db/login-failures.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import { clientNetwork } from '../domain/network.ts'
import { deriveKey } from '../domain/sealing.ts'
import { FirstloginError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    loginThrottle: LoginThrottle
  }
}

/** Counts failures per account and network, so that guessing is limited and nobody can lock somebody else out. */
export interface LoginThrottle {
  /** Throws FL_LOGIN_THROTTLED for a network that has failed too often at this account. */
  enter(email: CanonicalEmail, address: string): Promise<LoginTry>
}

export interface LoginTry {
  /**
   * Too many failures were told "try again later", as a stranger is: the upstream has to answer before one more password
   * is looked at. When it is back nobody is the worse for having tried.
   */
  readonly mustAskFirst: boolean
  /** The password was right. Throws FL_LOGIN_THROTTLED if it was one of too many guesses at once; else forgives. */
  succeed(): Promise<void>
  /** The password was not. Answers the error to throw, which past the limit is the same for every password. */
  fail(error: unknown): Promise<unknown>
}

export interface LoginThrottleOptions {
  secret: string
  /** Failures that are allowed in a window. Default 10. */
  most?: number
  /** Default 15 minutes. */
  windowS?: number
}

export default fp<LoginThrottleOptions>(
  async function loginThrottlePlugin(app, { secret, most = 10, windowS = 900 }) {
    const accountKey = deriveKey(secret, 'accounts')

    function refuseBeyond(found: Failures | undefined): void {
      if (found && found.failures >= most) throw throttled(found)
    }

    async function enter(email: CanonicalEmail, address: string): Promise<LoginTry> {
      const account = createHmac('sha256', accountKey).update(email).digest().subarray(0, 16)
      const key = { account, network: clientNetwork(address) }
      const before = await findFailures(app.sql, key)
      refuseBeyond(before)
      return {
        mustAskFirst: (before?.whileAway ?? 0) >= most,
        async succeed() {
          // Many guesses at once all passed the first look.
          const now = await findFailures(app.sql, key)
          refuseBeyond(now)
          if (now) await clearFailures(app.sql, key)
        },
        async fail(error) {
          const code = error instanceof FirstloginError ? error.code : undefined
          if (code === 'FL_UPSTREAM_UNAVAILABLE') {
            await countFailure(app.sql, key, { windowS, isAway: true })
          }
          if (code !== 'FL_CREDENTIALS_INVALID') return error
          const now = await countFailure(app.sql, key, { windowS, isAway: false })
          return now.failures > most ? throttled(now) : error
        },
      }
    }

    app.decorate('loginThrottle', { enter } satisfies LoginThrottle)
  },
  { name: 'firstlogin-login-throttle', fastify: '5.x', dependencies: ['firstlogin-db'] },
)

function throttled({ endsInS }: Failures): FirstloginError {
  return new FirstloginError('FL_LOGIN_THROTTLED', { retryAfterS: endsInS })
}
