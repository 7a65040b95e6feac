import fastifyCookie, { type CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isPlainLocal, toCookieName } from '../domain/cookies.ts'
import { FirstloginError } from '../errors.ts'
import type { IssuedTokens } from './tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessionCookies: SessionCookies
  }
}

/** Tokens as cookies: HttpOnly, SameSite=Lax, and `__Host-` with Secure everywhere but on plain local addresses. */
export interface SessionCookies {
  write(reply: FastifyReply, tokens: IssuedTokens): void
  clear(reply: FastifyReply): void
  /** A cookie by which the login throttle recognizes the browser. It opens nothing, and outlasts a logout. */
  writeDevice(reply: FastifyReply, token: string): void
  /** Undefined as well when a page that is not allowed sends it. */
  readDevice(request: FastifyRequest): string | undefined
  /** Throws FL_ORIGIN_REFUSED when a page that is not allowed sends them with a request that changes something. */
  read(request: FastifyRequest, token: 'access' | 'refresh'): string | undefined
}

export interface SessionCookiesOptions {
  baseUrl: string
}

/** As long as a client is recognized after its last login. */
const deviceTtlS = 90 * 86_400

export default fp<SessionCookiesOptions>(
  async function sessionCookiesPlugin(app, { baseUrl }) {
    // A host's own does just as well, and there can only be one.
    if (!app.hasPlugin('@fastify/cookie')) await app.register(fastifyCookie)
    const isLocal = isPlainLocal(baseUrl)
    const options: CookieSerializeOptions = { path: '/', httpOnly: true, sameSite: 'lax', secure: !isLocal }
    const nameOf = (token: 'access' | 'refresh' | 'device') => toCookieName(baseUrl, token)

    app.decorate('sessionCookies', {
      write(reply, tokens) {
        reply.setCookie(nameOf('access'), tokens.accessToken, { ...options, maxAge: tokens.expiresInS })
        reply.setCookie(nameOf('refresh'), tokens.refreshToken, { ...options, maxAge: tokens.refreshTtlS })
      },
      clear(reply) {
        reply.clearCookie(nameOf('access'), options)
        reply.clearCookie(nameOf('refresh'), options)
      },
      writeDevice(reply, token) {
        reply.setCookie(nameOf('device'), token, { ...options, maxAge: deviceTtlS })
      },
      readDevice: (request) =>
        (app.origins.isAllowed(request) && request.cookies[nameOf('device')]) || undefined,
      read(request, token) {
        const value = request.cookies[nameOf(token)] || undefined
        if (value && request.method !== 'GET' && !app.origins.isAllowed(request))
          throw new FirstloginError('FL_ORIGIN_REFUSED')
        return value
      },
    } satisfies SessionCookies)
  },
  { name: 'firstlogin-session-cookies', fastify: '5.x', dependencies: ['firstlogin-origins'] },
)
