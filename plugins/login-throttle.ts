import fp from 'fastify-plugin'
import type { AttemptLimits } from '../db/login-attempts.ts'
import type { Secrets } from '../domain/sealing.ts'
import { createThrottle, type Throttle } from '../sign-in/throttle.ts'

declare module 'fastify' {
  interface FastifyInstance {
    loginThrottle: Throttle
  }
}

export interface LoginThrottleOptions {
  secret: Secrets
  limits?: Partial<AttemptLimits>
}

/** Limits guessing. */
export default fp<LoginThrottleOptions>(
  async function loginThrottlePlugin(app, { secret, limits = {} }) {
    app.decorate('loginThrottle', createThrottle({ sql: app.sql, secret, limits }) satisfies Throttle)
  },
  { name: 'firstlogin-login-throttle', fastify: '5.x', dependencies: ['firstlogin-db'] },
)
