import { once } from 'node:events'
import { connect } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import firstlogin, { earlyProblems, logOptions } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { syncOn } from '../support/events.ts'
import { createWorld } from '../support/service.ts'

const secret = 'hunter2'

interface Host {
  app: FastifyInstance
  logText: () => string
}

/** The service in an app of somebody's own, whose logger is as given. */
async function open(t: Test, logger: object, standalone: boolean): Promise<Host> {
  const world = await createWorld(t)
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const options: FastifyServerOptions = { ...earlyProblems, logger: { level: 'trace', stream, ...logger } }
  const app = Fastify(options)
  t.teardown(() => app.close())
  const config = loadConfig(world.env(syncOn))
  await app.register(firstlogin, { ...config, standalone })
  return { app, logText: () => lines.join('') }
}

/** Requests that hold the secret in their query string or in a header, wherever the service answers or refuses. */
async function askEverywhere(app: FastifyInstance): Promise<number> {
  const query = `password=${secret}&next=/a?b='${secret}"`
  const headers = {
    authorization: `Bearer ${secret}`,
    cookie: `firstlogin-access=${secret}`,
    'accept-version': secret,
    host: `${secret}.example`,
    referer: `https://${secret}.example`,
    'user-agent': secret,
    'x-signature': secret,
    'content-type': 'application/json',
  }
  const long = `/api/admin/users/${'x'.repeat(200)}?${query}`
  let asked = 0
  for (const path of [
    '/healthz',
    '/docs',
    '/docs/json',
    '/metrics',
    '/openapi.json',
    '/api/auth/me',
    '/api/auth/login',
  ])
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'] as const)
      asked += (
        await app.inject({
          method,
          url: `${path}?${query}`,
          headers,
          ...(method === 'POST' && { body: '{}' }),
        })
      ).statusCode
  for (const url of [
    `/nowhere?${query}`,
    `/%zz?${query}`,
    `/%E0%A4%A?${query}`,
    long,
    `/api/admin/events/failed?limit=${secret}`,
    `/api/nowhere#${secret}`,
  ])
    asked += (await app.inject({ url, headers })).statusCode
  for (const body of ['{}', '{', '', `{"eventId":"${secret}"}`])
    asked += (await app.inject({ method: 'POST', url: `/api/sync/users/inbound?${query}`, headers, body }))
      .statusCode
  return asked
}

t.test('no log line of the service holds a query string or a header', async (t) => {
  const { app, logText } = await open(t, logOptions, true)
  t.ok((await askEverywhere(app)) > 0)
  t.match(logText(), '"url":"/api/auth/me"')
  t.match(logText(), '"url":"/nowhere"')
  t.notMatch(logText(), secret)
})

t.test(
  'nor does one about its routes under a logger of a host, which keeps its own serializers',
  async (t) => {
    const serializers = { res: () => 'as the host has it' }
    const { app, logText } = await open(t, { serializers }, false)
    await app.inject({ url: `/api/auth/me?password=${secret}`, headers: { 'accept-version': '1.x' } })
    await app.inject({ method: 'POST', url: `/api/auth/login?password=${secret}`, payload: { email: 1 } })
    await app.inject({ method: 'POST', url: `/api/sync/users/inbound?password=${secret}`, payload: {} })
    t.match(logText(), '"url":"/api/auth/login"')
    t.match(logText(), 'as the host has it')
    t.notMatch(logText(), secret)
  },
)

t.test("Fastify's own errors about a request are logged without its query string", async (t) => {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const app = Fastify({ logger: { level: 'trace', stream, ...logOptions } })
  t.teardown(() => app.close())
  app.get('/twice', async (_request, reply) => {
    void reply.send('one')
    void reply.send('two')
    return reply
  })
  app.get('/broken', async (request) => {
    throw new Error(`no answer for ${request.url} today`, { cause: new Error(request.url) })
  })
  await app.inject({ url: `/twice?password=${secret}'${secret}` })
  app.log.warn(new Error(`/alone?password=${secret}`))
  app.log.warn('%s and %s', `/first?password=${secret}`, 'second')
  await app.inject({ url: `/broken?password=${secret}` })
  const text = lines.join('')
  t.match(text, 'FST_ERR_REP_ALREADY_SENT')
  t.match(text, '/first and second')
  t.match(text, 'no answer for /broken today')
  t.notMatch(text, secret)
})

t.test('a request target that is a whole address is logged without its query string', async (t) => {
  const { app, logText } = await open(t, logOptions, true)
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const socket = connect(Number(port), '127.0.0.1')
  socket.resume()
  for (const target of [
    `http://x/api/auth/me?p=${secret}`,
    `//x/?p=${secret}`,
    `/?${secret}`,
    `/a;p=1?${secret}`,
  ])
    socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
  socket.write(`GET /?p=${secret} HTTP/9.9\r\n\r\n`)
  await once(socket, 'close')
  t.match(logText(), '"url":"//x/"')
  t.notMatch(logText(), secret)
})
