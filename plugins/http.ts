import fp from 'fastify-plugin'
import { Agent, errors, request } from 'undici'
import { type Http, HttpFailure } from '../upstreams/upstream.ts'

declare module 'fastify' {
  interface FastifyInstance {
    http: Http
  }
}

const largestAnswerBytes = 4 * 1024 * 1024

/** One pool of connections for calls to upstreams; see `Http` for what it promises. */
export function createHttp(): { http: Http; close: () => Promise<void> } {
  const agent = new Agent({ maxResponseSize: largestAnswerBytes, connect: { timeout: 5000 } })
  async function http({ method, url, headers, body, deadlineMs }: Parameters<Http>[0]) {
    const signal = AbortSignal.timeout(Math.max(1, deadlineMs))
    try {
      const response = await request(url, { dispatcher: agent, method, headers, body: body ?? null, signal })
      return { status: response.statusCode, headers: response.headers, body: await response.body.text() }
    } catch (error) {
      if (signal.aborted) throw new HttpFailure('timeout', error)
      if (error instanceof errors.ResponseExceededMaxSizeError) throw new HttpFailure('oversize', error)
      throw new HttpFailure('network', error)
    }
  }
  return { http, close: () => agent.destroy() }
}

export default fp(
  async function httpPlugin(app) {
    const { http, close } = createHttp()
    app.decorate('http', http)
    app.addHook('onClose', close)
  },
  { name: 'firstlogin-http', fastify: '5.x' },
)
