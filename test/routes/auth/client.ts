import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { catalogue, type ErrorCode } from '../../../errors.ts'

export type Reply = LightMyRequestResponse

export interface Client {
  post(path: string, payload?: object, more?: InjectOptions): Promise<Reply>
  me(accessToken: string): Promise<Reply>
  refresh(refreshToken: string, more?: InjectOptions): Promise<Reply>
}

/** What an app does with the auth routes. */
export function createClient(app: FastifyInstance): Client {
  const post: Client['post'] = (path, payload, more = {}) =>
    app.inject({ method: 'POST', url: `/api/auth/${path}`, ...(payload && { payload }), ...more })
  return {
    post,
    me: (accessToken) => app.inject({ url: '/api/auth/me', headers: bearer(accessToken) }),
    refresh: (refreshToken, more) => post('refresh', { refreshToken }, more),
  }
}

export function bearer(accessToken: string) {
  return { authorization: `Bearer ${accessToken}` }
}

/** Asserts a whole problem document of the catalogue, as RFC 9457 has it. */
export function isProblem(t: Test, reply: Reply, code: ErrorCode, because: string = code): void {
  const [status] = catalogue[code]
  t.equal(reply.statusCode, status, because)
  t.match(reply.headers['content-type'], /^application\/problem\+json/, because)
  t.match(reply.json(), { type: `urn:firstlogin:error:${code}`, status, code }, because)
  t.same(Object.keys(reply.json()), ['type', 'title', 'status', 'code', 'detail', 'requestId'], because)
  if (status === 429 || status === 503)
    t.ok(Number(reply.headers['retry-after']) >= 1, `Retry-After: ${because}`)
}
