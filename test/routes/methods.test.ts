import t from 'tap'
import { createWorld } from '../support/service.ts'
import { isProblem } from './auth/client.ts'

t.test('a known address with another method is 405 and names the methods that it knows', async (t) => {
  const { app } = await (await createWorld(t)).start()
  for (const [method, url, allow] of [
    ['GET', '/api/auth/login', 'POST'],
    ['DELETE', '/api/auth/login?next=1', 'POST'],
    ['POST', '/api/auth/me', 'GET, HEAD'],
    ['PUT', '/healthz', 'GET, HEAD'],
    ['POST', '/.well-known/jwks.json', 'GET, HEAD'],
  ] as const) {
    const reply = await app.inject({ method, url })
    isProblem(t, reply, 'FL_METHOD_UNKNOWN', `${method} ${url}`)
    t.equal(reply.headers.allow, allow)
  }
  for (const url of ['/api/auth', '/api/auth/login/', '/nothing', '/api/auth/login/more'])
    isProblem(t, await app.inject({ method: 'GET', url }), 'FL_ROUTE_UNKNOWN', url)
})
