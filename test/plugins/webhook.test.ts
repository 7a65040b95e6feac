import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import signature from '../../plugins/signature.ts'
import type { BodyLimits } from '../../plugins/webhook/body-budget.ts'
import webhook, { type WebhookRoute } from '../../plugins/webhook.ts'
import { hold } from '../support/holder.ts'

interface Seen {
  body: unknown
}

/** A host's own app with one webhook, and no problems plugin. */
async function host(t: Test, own: Partial<WebhookRoute> = {}, limits: Partial<BodyLimits> = {}) {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(signature, { secrets: { shared: ['a shared secret'] } })
  await app.register(webhook, { limits })
  const seen: Seen[] = []
  const route: WebhookRoute = {
    url: '/hook',
    verify: (bytes, headers) => app.signature.verify(bytes, headers),
    async handler({ body }) {
      seen.push({ body })
      return { ok: true }
    },
    schema: { body: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } } },
    ...own,
  }
  const send = (
    body: string | Buffer | undefined,
    { url = '/hook', headers = {} }: { url?: string; headers?: Record<string, string> } = {},
  ) =>
    app.inject({
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        ...(body !== undefined && { 'x-signature': app.signature.sign(Buffer.from(body)) }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
  return { app, route, send, seen }
}

t.test('the raw bytes are verified before anything of them is parsed or validated', async (t) => {
  const order: string[] = []
  const { app, route, send } = await host(t, {
    async handler() {
      order.push('handler')
      return {}
    },
  })
  const { verify } = route
  app.webhook({
    ...route,
    verify(bytes, headers) {
      order.push(`verify ${bytes.toString()}`)
      verify(bytes, headers)
    },
  })
  t.equal((await send('{"id": "x" }')).statusCode, 200)
  t.same(order, ['verify {"id": "x" }', 'handler'], 'byte by byte, as they came')

  const forged = { headers: { 'x-signature': 'sha256=00' } }
  const answers = await Promise.all(
    ['{"id":7}', '{}', 'not JSON', '', '{"id":"x"}', '{"__proto__":1}'].map((body) => send(body, forged)),
  )
  for (const reply of answers) {
    t.equal(reply.statusCode, 401)
    t.match(reply.json(), { code: 'FL_SIGNATURE_INVALID' })
    t.notMatch(reply.body, /JSON|body|id"/, 'nothing of the schema is told')
    t.same(reply.json(), answers[0]?.json(), 'and it is the same for everything')
  }
  for (const body of ['{"id":{}}', 'not JSON', '', `{"id":"x","deep":${'['.repeat(64)}${']'.repeat(64)}}`])
    t.match((await send(body)).json(), { statusCode: 400, code: 'FL_PAYLOAD_INVALID' }, body)
  const untold = await app.inject({ method: 'POST', url: '/hook' })
  t.equal(untold.statusCode, 401, 'no body at all')
  t.equal(order.filter((step) => step === 'handler').length, 1)
})

t.test('verify may take its time, and its own error is the answer', async (t) => {
  const { app, route, send } = await host(t, {
    async verify() {
      await new Promise(setImmediate)
      throw Object.assign(new Error('Not today.'), { statusCode: 418 })
    },
  })
  app.webhook(route)
  t.match((await send('{"id":"x"}')).json(), { statusCode: 418, message: 'Not today.' })
})

t.test('a body over the limit is 413: 1 MiB, or what the route says', async (t) => {
  const { app, route, send, seen } = await host(t)
  app.webhook(route)
  app.webhook({ ...route, url: '/small', bodyLimit: 20 })
  const sized = (bytes: number) => JSON.stringify({ id: 'x'.repeat(bytes - 9) })
  t.equal((await send(sized(1024 * 1024))).statusCode, 200)
  t.equal((await send(sized(1024 * 1024 + 1))).statusCode, 413)
  t.equal((await send(sized(20), { url: '/small' })).statusCode, 200)
  t.equal((await send(sized(21), { url: '/small' })).statusCode, 413)
  t.equal(seen.length, 2)
})

t.test('the rest of the app keeps its parsers: parents, siblings, children, before and after', async (t) => {
  const { app, route, send } = await host(t)
  const echo = async (scope: FastifyInstance, url: string) => {
    scope.post(url, async ({ body }) => ({ type: typeof body, body }))
  }
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, text, done) =>
    done(null, `${text}`.split(',')),
  )
  await echo(app, '/before')
  app.webhook(route)
  await echo(app, '/after')
  await app.register(
    async (scope) => {
      await echo(scope, '/')
      scope.webhook({ ...route, url: '/hook' })
      await scope.register(async (child) => echo(child, '/child'))
    },
    { prefix: '/sibling' },
  )
  for (const url of ['/before', '/after', '/sibling', '/sibling/child']) {
    const json = await app.inject({ method: 'POST', url, payload: { a: 1 } })
    t.same(json.json(), { type: 'object', body: { a: 1 } }, url)
    const csv = await app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'text/csv' },
      body: 'a,b',
    })
    t.same(csv.json().body, ['a', 'b'], url)
    const other = await app.inject({ method: 'POST', url, headers: { 'content-type': 'x/y' }, body: 'a' })
    t.equal(other.statusCode, 415, url)
    const broken = await app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json' },
      body: '{',
    })
    t.match(broken.json(), { statusCode: 400, code: 'FST_ERR_CTP_INVALID_JSON_BODY' }, url)
  }
  for (const url of ['/hook', '/sibling/hook'])
    for (const type of ['application/json', 'text/csv', 'x/y'])
      t.equal(
        (await send('{"id":"x"}', { url, headers: { 'content-type': type } })).statusCode,
        200,
        `${url} ${type}`,
      )
})

t.test('the prefix of the scope is respected, and hooks of the scope run', async (t) => {
  const { app, route, send } = await host(t)
  const hooks: string[] = []
  await app.register(
    async (scope) => {
      scope.addHook('onRequest', async ({ url }) => void hooks.push(url))
      scope.webhook(route)
    },
    { prefix: '/api/sync' },
  )
  t.equal((await send('{"id":"x"}', { url: '/api/sync/hook' })).statusCode, 200)
  t.equal((await send('{"id":"x"}')).statusCode, 404)
  t.same(hooks, ['/api/sync/hook'])
})

t.test('what its headers show to be unsigned is refused unread', async (t) => {
  const { app, route, seen } = await host(t)
  let verified = 0
  app.webhook({
    ...route,
    verifyHeaders: app.signature.verifyHeaders,
    verify(bytes, headers) {
      verified += 1
      return route.verify(bytes, headers)
    },
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const head =
    'POST /hook HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n'
  const stranger = await hold(t, Number(new URL(address).port), head)
  await stranger.ended
  t.match(stranger.heard(), /^HTTP\/1.1 401 .*connection: close\r.*FL_SIGNATURE_INVALID/s)
  t.equal(verified, 0)
  const sent = { method: 'POST', url: '/hook', body: '{"id":"x"}' } as const
  t.equal((await app.inject(sent)).statusCode, 401)
  t.equal(verified, 0)
  const headers = { 'x-signature': app.signature.sign(Buffer.from(sent.body)) }
  t.equal((await app.inject({ ...sent, headers })).statusCode, 200)
  t.same([verified, seen.length], [1, 1])
})

t.test(
  'forged bodies of a network are read until they are too many, and signed ones of others go on',
  async (t) => {
    const { app, route } = await host(t, {}, { failedPerNetwork: 100_000, small: 1000 })
    app.webhook(route)
    const body = JSON.stringify({ id: 'x'.repeat(60_000) })
    const send = (address: string, signature: string) =>
      app.inject({
        method: 'POST',
        url: '/hook',
        remoteAddress: address,
        body,
        headers: { 'content-type': 'application/json', 'x-signature': signature },
      })
    const signed = app.signature.sign(Buffer.from(body))
    for (const status of [401, 401, 429, 429]) {
      const reply = await send('203.0.113.7', 'a'.repeat(64))
      t.equal(reply.statusCode, status)
    }
    t.match(
      (await send('203.0.113.7', signed)).json(),
      { code: 'FL_RATE_LIMITED' },
      'its signed ones as well',
    )
    t.equal((await send('203.0.113.8', signed)).statusCode, 200)
  },
)

t.test('a body that others need the room of is answered 503', async (t) => {
  const { app, route } = await host(t, {}, { unproved: 100_000 })
  app.webhook(route)
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  const head = 'POST /hook HTTP/1.1\r\nhost: x\r\nx-signature: x\r\ncontent-length: 90000\r\n\r\n'
  const slow = await hold(t, port, head + 'a'.repeat(80_000))
  const quick = await hold(t, port, head + 'a'.repeat(80_000))
  await Promise.race([slow.ended, quick.ended])
  const [first, second] = slow.heard() ? [slow, quick] : [quick, slow]
  t.match(first.heard(), /^HTTP\/1.1 503 .*FL_OVERLOADED/s)
  second.socket.write('a'.repeat(10_000))
  await second.ended
  t.match(second.heard(), /^HTTP\/1.1 401 /)
})
