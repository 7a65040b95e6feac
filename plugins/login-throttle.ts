import fp from 'fastify-plugin'
import type { AttemptLimits } from '../db/login-attempts.ts'
import { createThrottle, type Throttle } from '../sign-in/throttle.ts'

declare module 'fastify' {
  interface FastifyInstance {
    loginThrottle: Throttle
  }
}

export interface LoginThrottleOptions {
  /** FIRSTLOGIN_SECRET, the newest first. */
  secrets: readonly string[]
  limits?: Partial<AttemptLimits>
}

/** Limits guessing. */
export default fp<LoginThrottleOptions>(
  async function loginThrottlePlugin(app, { secrets, limits = {} }) {
    app.decorate('loginThrottle', createThrottle({ sql: app.sql, secrets, limits }) satisfies Throttle)
  },
  { name: 'firstlogin-login-throttle', fastify: '5.x', dependencies: ['firstlogin-db'] },
)
