import { createHmac } from 'node:crypto'
import fp from 'fastify-plugin'
import {
  clearFailures,
  countFailure,
  type Failures,
  findFailures,
  type ThrottleKey,
} from '../db/login-failures.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import { clientNetwork } from '../domain/network.ts'
import { createKeyRing, type Secrets } from '../domain/sealing.ts'
import { FirstloginError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    loginThrottle: LoginThrottle
  }
}

export interface Login {
  email: CanonicalEmail
  address: string
}

/**
 * Counts failures per account and network, so that guessing is limited and nobody can lock somebody else out. It is asked
 * after the password was looked at: many guesses at once gain nothing, and all take as long.
 */
export interface LoginThrottle {
  /**
   * The password was right. Throws FL_LOGIN_THROTTLED if it came after too many wrong ones, else forgives them. Answers
   * true when too many failures were told "try again later", as a stranger is: then an upstream that is still away has
   * to be waited for, and nobody is the worse for having tried.
   */
  succeed(login: Login): Promise<{ mustAsk: boolean }>
  /** The password was wrong. Answers the error to throw, which past the limit is the same for every password. */
  fail(login: Login): Promise<FirstloginError>
  /** The login is told "try again later"; `wasCounted` when it had been counted as a wrong password before. */
  excuse(login: Login, wasCounted: boolean): Promise<void>
}

export interface LoginThrottleOptions {
  secret: Secrets
  /** Failures that are allowed in a window. Default 10. */
  most?: number
  /** Default 15 minutes. */
  windowS?: number
}

export default fp<LoginThrottleOptions>(
  async function loginThrottlePlugin(app, { secret, most = 10, windowS = 900 }) {
    const accountKey = createKeyRing(secret, 'accounts').current

    function toKey({ email, address }: Login): ThrottleKey {
      const account = createHmac('sha256', accountKey).update(email).digest().subarray(0, 16)
      return { account, network: clientNetwork(address) }
    }

    app.decorate('loginThrottle', {
      async succeed(login) {
        const key = toKey(login)
        const found = await findFailures(app.sql, key)
        if (!found) return { mustAsk: false }
        if (found.failures >= most) throw throttled(found)
        if (found.whileAway >= most) return { mustAsk: true }
        await clearFailures(app.sql, key)
        return { mustAsk: false }
      },
      async fail(login) {
        const counted = await countFailure(app.sql, toKey(login), { windowS, failures: 1, whileAway: 0 })
        return counted.failures > most ? throttled(counted) : new FirstloginError('FL_CREDENTIALS_INVALID')
      },
      async excuse(login, wasCounted) {
        await countFailure(app.sql, toKey(login), { windowS, failures: wasCounted ? -1 : 0, whileAway: 1 })
      },
    } satisfies LoginThrottle)
  },
  { name: 'firstlogin-login-throttle', fastify: '5.x', dependencies: ['firstlogin-db'] },
)

function throttled({ endsInS }: Failures): FirstloginError {
  return new FirstloginError('FL_LOGIN_THROTTLED', { retryAfterS: endsInS })
}
