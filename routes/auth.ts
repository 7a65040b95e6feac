import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { FirstloginError } from '../errors.ts'
import type { IssuedTokens } from '../plugins/tokens.ts'
import {
  type LoginReply,
  LoginRequest,
  Me,
  RefreshRequest,
  LoginReply as Reply,
  Visitor,
} from '../schemas/auth.ts'
import { ProblemAnswer } from '../schemas/problem.ts'
import { getAccessToken } from './access-token.ts'
import { toMe, toUser, toVisitor } from './views.ts'

export interface AuthRoutesOptions {
  /** Login attempts a minute from one address, successful ones included. */
  loginsPerMinute: number
}

const bodyLimit = 16 * 1024
const tags = ['auth']
const security = [{ bearer: [] }, { accessCookie: [] }]
const problems = { '4xx': ProblemAnswer, '5xx': ProblemAnswer }

export const authRoutes: FastifyPluginAsyncTypebox<AuthRoutesOptions> = async function authRoutes(
  app,
  options,
) {
  // Fastify reads plain text unasked, and every web page may send it without asking either.
  app.removeContentTypeParser('text/plain')
  app.addHook('onSend', async function forbidStoring(_request, reply) {
    reply.header('cache-control', 'no-store')
  })

  function noteLimited(request: FastifyRequest, network: string): void {
    request.log.info({ event: 'login.failed', reason: 'throttled', network })
    app.metrics.logins.inc({ outcome: 'FL_RATE_LIMITED' })
  }

  app.post(
    '/login',
    {
      bodyLimit,
      config: { rateLimit: { max: options.loginsPerMinute, timeWindow: 60_000, onExceeded: noteLimited } },
      schema: {
        tags,
        summary: 'Sign in with e-mail and password',
        errors: [
          'FL_CREDENTIALS_INVALID',
          'FL_ACCOUNT_INACTIVE',
          'FL_LOGIN_THROTTLED',
          'FL_RATE_LIMITED',
          'FL_UPSTREAM_UNAVAILABLE',
          'FL_DATABASE_UNAVAILABLE',
        ],
        body: LoginRequest,
        response: { 200: Reply, ...problems },
      },
    },
    async function login(request, reply): Promise<LoginReply> {
      const { email, password, cookie } = request.body
      const userAgent = request.headers['user-agent']?.slice(0, 256) ?? null
      const { deviceToken, ...issued } = await app.signIn.withPassword({
        email,
        password,
        address: request.ip,
        userAgent,
        device: app.sessionCookies.readDevice(request),
        keepDevice: cookie ?? false,
        log: request.log,
      })
      const body = answer(reply, issued, cookie ?? false)
      if (deviceToken) app.sessionCookies.writeDevice(reply, deviceToken)
      return body
    },
  )

  app.post(
    '/refresh',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'Exchange the refresh token',
        security: [{ refreshCookie: [] }, {}],
        isBodyOptional: true,
        errors: ['FL_SESSION_INVALID', 'FL_ORIGIN_REFUSED', 'FL_DATABASE_UNAVAILABLE'],
        body: RefreshRequest,
        response: { 200: Reply, ...problems },
      },
    },
    async function refresh(request, reply): Promise<LoginReply> {
      const sent = request.body?.refreshToken
      const token = sent ?? app.sessionCookies.read(request, 'refresh')
      if (!token) throw new FirstloginError('FL_SESSION_INVALID')
      const userAgent = request.headers['user-agent']?.slice(0, 256) ?? null
      const issued = await app.tokens.rotate(token, { userAgent, address: request.ip }, request.log)
      return answer(reply, issued, sent === undefined)
    },
  )

  app.get(
    '/me',
    {
      // Called for every page, where two lines each would be a third of its cost. Errors are logged as ever.
      logLevel: 'warn',
      schema: {
        tags,
        summary: 'Who am I',
        security,
        errors: ['FL_SESSION_INVALID', 'FL_DATABASE_UNAVAILABLE'],
        response: { 200: Me, ...problems },
      },
    },
    async function me(request): Promise<Me> {
      return toMe(
        await app.sessions.get(app.tokens.verify(getAccessToken(app, request)), app.requestLog.of(request)),
      )
    },
  )

  app.get(
    '/identity',
    {
      logLevel: 'warn',
      preHandler: app.identity.authenticate,
      // It says whether somebody acts in the user's name.
      config: { allowImpersonation: true },
      schema: {
        tags,
        summary: 'Who is it, by a token of ours or of an upstream',
        security,
        errors: [
          'FL_TOKEN_INVALID',
          'FL_ACCOUNT_INACTIVE',
          'FL_UPSTREAM_UNAVAILABLE',
          'FL_DATABASE_UNAVAILABLE',
        ],
        response: { 200: Visitor, ...problems },
      },
    },
    async function identity(request): Promise<Visitor> {
      return toVisitor(request.identity)
    },
  )

  app.post(
    '/logout',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'End this session',
        security: [...security, { refreshCookie: [] }, {}],
        isBodyOptional: true,
        errors: ['FL_SESSION_INVALID', 'FL_ORIGIN_REFUSED', 'FL_DATABASE_UNAVAILABLE'],
        body: RefreshRequest,
        response: { 204: Type.Null(), ...problems },
      },
    },
    async function logout(request, reply) {
      const sent = request.body?.refreshToken
      const refreshToken = sent ?? app.sessionCookies.read(request, 'refresh')
      const named = refreshToken ? app.tokens.sessionOf(refreshToken) : undefined
      if (sent !== undefined && !named) throw new FirstloginError('FL_SESSION_INVALID')
      // Whoever has no session left to end is signed out already.
      const sessionId = named ?? sessionOfAccess(request)
      if (sessionId) await app.tokens.revoke(sessionId)
      app.sessionCookies.clear(reply)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/logout-all',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'End all sessions',
        security,
        errors: ['FL_SESSION_INVALID', 'FL_ORIGIN_REFUSED', 'FL_DATABASE_UNAVAILABLE'],
        response: { 204: Type.Null(), ...problems },
      },
    },
    async function logoutAll(request, reply) {
      const { user } = await app.sessions.get(
        app.tokens.verify(getAccessToken(app, request)),
        app.requestLog.of(request),
      )
      await app.tokens.revokeAll(user.id)
      app.sessionCookies.clear(reply)
      return reply.code(204).send(null)
    },
  )

  function sessionOfAccess(request: FastifyRequest): string | undefined {
    try {
      return app.tokens.verify(getAccessToken(app, request)).sessionId
    } catch (error) {
      if (error instanceof FirstloginError && error.code === 'FL_SESSION_INVALID') return undefined
      throw error
    }
  }

  function answer(reply: FastifyReply, issued: IssuedTokens, asCookies: boolean): LoginReply {
    const body: LoginReply = { tokenType: 'Bearer', expiresIn: issued.expiresInS, user: toUser(issued.user) }
    if (!asCookies) return { ...body, accessToken: issued.accessToken, refreshToken: issued.refreshToken }
    app.sessionCookies.write(reply, issued)
    return body
  }
}
