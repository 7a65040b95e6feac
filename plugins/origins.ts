import fastifyCors from '@fastify/cors'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    origins: Origins
  }
}

/** Which web pages may use the service from a browser: one rule for CORS and for the cookies. */
export interface Origins {
  /** True for a request without an `Origin`, and for one from an allowed page. Scheme, host and port are compared. */
  isAllowed(request: FastifyRequest): boolean
}

export interface OriginsOptions {
  /** The service's own address. Its origin is always allowed. */
  baseUrl: string
  /** Further origins, spelled as browsers send them: `https://app.example.com`. Default none. */
  allowed?: string[]
  /** Whether localhost and 127.0.0.1 are allowed on any port. Default false. */
  allowLocal?: boolean
}

const exposedHeaders = ['Retry-After', 'WWW-Authenticate']
const localPages = /^https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/

export default fp<OriginsOptions>(
  async function originsPlugin(app, { baseUrl, allowed = [], allowLocal = false }) {
    const own = new URL(baseUrl)
    const listed = new Set([own.origin, ...allowed])

    function isAllowed({ headers: { origin, host } }: FastifyRequest): boolean {
      if (origin === undefined) return true
      // Browsers send origins in one spelling. Another spelling does not come from a browser.
      if (!URL.canParse(origin) || new URL(origin).origin !== origin) return false
      if (listed.has(origin) || (allowLocal && localPages.test(origin))) return true
      // A page that came in plain text may be an attacker's, on the same host.
      return new URL(origin).protocol === own.protocol && new URL(origin).host === host
    }

    app.decorate('origins', { isAllowed })
    // The CORS of a host app answers for this service as well.
    if (app.hasPlugin('@fastify/cors')) return
    await app.register(fastifyCors, {
      delegator: (request, callback) =>
        callback(null, {
          origin: (_origin, allow) => allow(null, request.headers.origin !== undefined && isAllowed(request)),
          // Any other OPTIONS is a method that no address knows.
          preflight: request.headers['access-control-request-method'] !== undefined,
          credentials: true,
          methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
          exposedHeaders,
          maxAge: 600,
        }),
    })
  },
  { name: 'firstlogin-origins', fastify: '5.x' },
)
