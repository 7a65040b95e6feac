import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { FirstloginError } from '../../errors.ts'
import { serverOptions } from '../../plugins/connections/options.ts'
import type { EndReason } from '../../plugins/connections/watch.ts'
import connections, { type ConnectionsOptions } from '../../plugins/connections.ts'
import problems from '../../plugins/problems.ts'
import signature from '../../plugins/signature.ts'
import webhook from '../../plugins/webhook.ts'
import { hold } from '../support/holder.ts'

const large = 'x'.repeat(32 * 1024 * 1024)

const never = 3_600_000
const noLimits = {
  requestTimeout: never,
  http: { requestTimeout: never, headersTimeout: never, connectionsCheckingInterval: never },
}

/** `limits` are those of the plugin, `times` those of Node; what is not given does not end within a test. */
async function listen(t: Test, limits: ConnectionsOptions = {}, times: object = noLimits) {
  const app = Fastify({ ...serverOptions, ...times })
  t.teardown(() => {
    app.server.closeAllConnections()
    return app.close()
  })
  const ended: EndReason[] = []
  const patient = { restTimeoutMs: never, answerTimeoutMs: never }
  await app.register(problems)
  await app.register(connections, { ...patient, onEnded: (reason) => ended.push(reason), ...limits })
  await app.register(signature, { secrets: { plain: ['a secret'] } })
  await app.register(webhook)
  const releases: (() => void)[] = []
  app.get('/quick', async () => ({ quick: true }))
  app.get('/slow', async () => {
    await new Promise<void>((resolve) => releases.push(resolve))
    return { slow: true }
  })
  app.get('/large', async () => large)
  app.post('/echo', { bodyLimit: 100_000 }, async ({ body }) => ({ echo: JSON.stringify(body).length }))
  app.post('/closed', {
    onRequest: async () => {
      throw new FirstloginError('FL_RATE_LIMITED')
    },
    handler: async () => ({}),
  })
  app.webhook({
    url: '/hook',
    verifyHeaders: app.signature.verifyHeaders,
    verify: app.signature.verify,
    handler: async () => ({}),
  })
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  const count = () =>
    new Promise<number>((resolve, reject) =>
      app.server.getConnections((error, number) => (error ? reject(error) : resolve(number))),
    )
  /** Until so many are open at the server. */
  async function untilOpen(number: number): Promise<void> {
    while ((await count()) !== number) await sleep(10)
  }
  /** Until so many requests wait in /slow. */
  async function untilBusy(number: number): Promise<void> {
    while (releases.length < number) await sleep(10)
  }
  return {
    app,
    port,
    ended,
    untilOpen,
    untilBusy,
    release: () => releases.splice(0).forEach((free) => free()),
  }
}

const get = (url: string) => `GET ${url} HTTP/1.1\r\nhost: x\r\n\r\n`
const post = (url: string, headers: Record<string, string | number>) =>
  `POST ${url} HTTP/1.1\r\nhost: x\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
const json = { 'content-type': 'application/json' }
const long = { ...json, 'content-length': 1_000_000 }

t.test(
  'a request that is refused before its body is there ends its connection, with a whole answer',
  async (t) => {
    const { port, untilOpen } = await listen(t)
    const refused: Record<string, [status: number, request: string]> = {
      'of another content type': [415, post('/echo', { ...long, 'content-type': 'image/png' })],
      'with a content type that is none': [415, post('/echo', { ...long, 'content-type': 'x' })],
      'too large': [413, post('/echo', long)],
      'too large in chunks': [413, `${post('/echo', { ...json, 'transfer-encoding': 'chunked' })}40000\r\n`],
      'to an address that nobody has': [404, post('/nowhere', long)],
      'to an address that is malformed': [400, post('/%', long)],
      'refused by a hook': [429, post('/closed', long)],
      'an unsigned webhook': [401, post('/hook', long)],
      'an unsigned webhook in chunks': [
        401,
        `${post('/hook', { ...json, 'transfer-encoding': 'chunked' })}40000\r\n`,
      ],
      'a GET with a body': [200, get('/quick').replace('\r\n\r\n', '\r\ncontent-length: 1000000\r\n\r\n')],
      'with an expectation': [401, post('/hook', { ...long, expect: '100-continue' })],
    }
    for (const [name, [status, request]] of Object.entries(refused)) {
      // More than the sockets hold between them: what the server does not read stays with the client.
      const { heard, ended } = await hold(t, port, request + 'a'.repeat(900_000))
      await ended
      const [, answer = ''] = heard().split(/^(?=HTTP\/1.1 (?!100))/m)
      t.match(answer || heard(), new RegExp(`^HTTP/1.1 ${status} `), name)
      t.match(heard(), /^connection: close\r$/im, name)
      t.match(heard(), /\}$/, `${name}: the answer is whole`)
    }
    await untilOpen(0)
  },
)

t.test('bytes that are no request end their connection, whatever the client does', async (t) => {
  const { port, untilOpen } = await listen(t)
  for (const [bytes, status] of [
    ['\x16\x03\x01\x02\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nx: ${'a'.repeat(40_000)}`, 431],
  ] as const) {
    const { heard, ended, socket } = await hold(t, port, bytes)
    await ended
    socket.write('more of it')
    t.match(heard(), new RegExp(`^HTTP/1.1 ${status} `))
  }
  await untilOpen(0)
})

t.test('who takes too long gets a 408, and is disconnected', async (t) => {
  const times = { requestTimeout: 300, http: { headersTimeout: 200, connectionsCheckingInterval: 20 } }
  const { port, untilOpen } = await listen(t, {}, times)
  const slow: Record<string, [bytes: string, drip?: string]> = {
    'nothing at all': [''],
    'half a request line': ['GET /quick', 'a'],
    'headers without end': ['GET /quick HTTP/1.1\r\nhost: x\r\n', 'x: y\r\n'],
    'half a body': [`${post('/echo', { ...json, 'content-length': 100 })}{"a":`, ' '],
    'half a body in chunks': [
      `${post('/echo', { ...json, 'transfer-encoding': 'chunked' })}100\r\n{"a":`,
      ' ',
    ],
    'half a signed body': [`${post('/hook', { ...long, 'x-signature': 'a'.repeat(64) })}{"a":`, ' '],
    'a second request that is not whole': [`${get('/quick')}GET /quick`, 'a'],
  }
  for (const [name, [bytes, drip]] of Object.entries(slow)) {
    const { heard, ended, socket } = await hold(t, port, bytes)
    const timer = setInterval(() => drip && socket.write(drip), 30)
    await ended
    clearInterval(timer)
    t.match(heard(), /HTTP\/1.1 408 /, name)
    t.match(heard(), 'FL_REQUEST_TIMEOUT', name)
  }
  await untilOpen(0)
})

t.test('a refused request whose short body comes late keeps its connection', async (t) => {
  const { port } = await listen(t)
  const client = await hold(t, port, post('/closed', { ...json, 'content-length': 5 }))
  await client.hears(/FL_RATE_LIMITED.*\}$/s)
  t.notMatch(client.heard(), /connection: close/i)
  client.socket.write(`"abc"${get('/quick')}`)
  await client.hears(/"quick":true/)
})

t.test('a refused request whose short body never comes loses its connection', async (t) => {
  const { port, untilOpen, ended } = await listen(t, { restTimeoutMs: 50 })
  const client = await hold(t, port, post('/closed', { ...json, 'content-length': 5 }))
  await client.ended
  t.match(client.heard(), /FL_RATE_LIMITED/)
  await untilOpen(0)
  t.same(ended, ['unsent_body'])
})

t.test('a large body that is read keeps its connection', async (t) => {
  const { port } = await listen(t)
  const body = JSON.stringify('x'.repeat(90_000))
  const client = await hold(t, port, post('/echo', { ...json, 'content-length': body.length }) + body)
  await client.hears(/"echo":90002/)
  t.match(client.heard(), /connection: keep-alive/i)
  client.socket.write(get('/quick'))
  await client.hears(/"quick":true/)
})

t.test('an answer that nobody reads loses its connection', async (t) => {
  const { port, untilOpen, ended } = await listen(t, { answerTimeoutMs: 0 })
  await hold(t, port, get('/large'), { isReading: false })
  await untilOpen(1)
  await untilOpen(0)
  t.same(ended, ['unread_answer'])
})

t.test(
  'where all places are taken, the longest idle connection of the largest network gives way',
  async (t) => {
    const { port, ended, untilOpen, untilBusy, release } = await listen(t, { max: 4 })
    const quiet = await hold(t, port, get('/quick'), { from: '127.0.0.9' })
    await quiet.hears(/"quick":true/)
    const busy = await hold(t, port, get('/slow'))
    await untilBusy(1)
    const silent = await hold(t, port)
    const served = await hold(t, port, get('/quick'))
    await served.hears(/"quick":true/)
    await untilOpen(4)

    const first = await hold(t, port, get('/quick'))
    await first.hears(/"quick":true/)
    await silent.ended
    const second = await hold(t, port, get('/quick'), { from: '127.0.0.8' })
    await second.hears(/"quick":true/)
    await served.ended
    t.same(ended, ['full', 'full'])

    release()
    await busy.hears(/"slow":true/)
    quiet.socket.write(get('/quick'))
    await quiet.hears(/"quick":true.*"quick":true/s)
  },
)

t.test('half a request and an answer that is not read make no connection busy', async (t) => {
  const { port, untilOpen, ended } = await listen(t, { max: 2 })
  const half = await hold(t, port, `${post('/echo', { ...json, 'content-length': 100 })}{"a":`)
  const deaf = await hold(t, port, get('/large'), { isReading: false })
  await untilOpen(2)
  for (let i = 0; i < 2; i += 1) await (await hold(t, port, get('/quick'))).hears(/"quick":true/)
  deaf.socket.resume()
  await Promise.all([half.ended, deaf.ended])
  t.same(ended, ['full', 'full'])
})

t.test('where all are busy, one more is answered 503', async (t) => {
  const { port, untilBusy, release } = await listen(t, { max: 2 })
  const busy = [await hold(t, port, get('/slow')), await hold(t, port, get('/slow'))]
  await untilBusy(2)
  const more = await hold(t, port)
  await more.ended
  t.match(more.heard(), /^HTTP\/1.1 503 .*retry-after: 1\r.*FL_OVERLOADED/s)
  release()
  for (const one of busy) await one.hears(/"slow":true/)
  await (await hold(t, port, get('/quick'))).hears(/"quick":true/)
})

t.test('a connection with too many requests at once is cut', async (t) => {
  const { port, untilOpen, ended, untilBusy, release } = await listen(t, { maxPipelined: 3 })
  const modest = await hold(t, port, get('/slow').repeat(3))
  await untilBusy(3)
  release()
  await modest.hears(/("slow":true.*){3}/s)
  const greedy = await hold(t, port, get('/slow').repeat(4))
  await greedy.ended
  await untilOpen(1)
  t.same(ended, ['pipelined'])
  release()
})

t.test('what follows a request and is none does not disturb its answer', async (t) => {
  const { port, untilBusy, untilOpen, release } = await listen(t)
  const client = await hold(t, port, `${get('/slow')}no request\r\n\r\n`)
  await untilBusy(1)
  client.socket.write('and more')
  release()
  await client.ended
  t.match(client.heard(), /^HTTP\/1.1 200 .*"slow":true\}$/s)
  await untilOpen(0)
})
