import { once } from 'node:events'
import { connect } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { earlyProblems } from '../../../plugins/problems/early.ts'
import problems from '../../../plugins/problems.ts'

async function listen(t: Test) {
  const app = Fastify({ ...earlyProblems, connectionTimeout: 300 })
  await app.register(problems)
  app.post('/echo', { bodyLimit: 1000 }, async (request) => request.body)
  t.teardown(() => app.close())
  return { app, port: Number(new URL(await app.listen()).port) }
}

/** Writes raw bytes to the port; answers all that comes back. */
async function say(port: number, ...parts: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.on('data', (chunk) => (heard += chunk)).on('error', () => {})
  for (const part of parts) socket.write(part)
  await once(socket, 'close')
  return heard
}

function isProblem(t: Test, answer: string, status: number, because: string) {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  t.match(head, new RegExp(`^HTTP/1.1 ${status} `), because)
  t.match(head, /content-type: application\/problem\+json/i, because)
  t.match(JSON.parse(body), { status, code: /^FL_/, requestId: /.+/ }, because)
}

t.test('what never becomes a request is a problem all the same', async (t) => {
  const { port } = await listen(t)
  const post = 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  const broken: Record<string, string> = {
    'bytes that are not HTTP': '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n',
    'a method of nobody': 'BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n',
    'a header without a name': 'GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n',
    'a NUL in a header': 'GET / HTTP/1.1\r\nHost: x\r\nX-Nul: a\0b\r\n\r\n',
    'two lengths': `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    'a length and chunks': `${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
    'a negative length': `${post}Content-Length: -1\r\n\r\n`,
  }
  for (const [name, bytes] of Object.entries(broken)) isProblem(t, await say(port, bytes), 400, name)
})

t.test('headers over 16 KiB are answered 431, by name', async (t) => {
  const { port } = await listen(t)
  const answer = await say(port, `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(40_000)}\r\n\r\n`)
  isProblem(t, answer, 431, 'huge headers')
  t.match(answer, '"code":"FL_HEADERS_TOO_LARGE"')
  t.notMatch(answer, 'aaaa', 'and is not repeated')
})

t.test('a chunk that is no chunk gets a 400 and leaves the service well', async (t) => {
  const { app, port } = await listen(t)
  const start =
    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  const answer = await say(port, start, '1\r\n{\r\n', 'zz\r\n')
  t.match(answer, /^HTTP\/1.1 400 /)
  t.equal((await app.inject({ method: 'POST', url: '/echo', payload: {} })).statusCode, 200)
})

t.test('a body over the limit is refused before it has arrived', async (t) => {
  const { port } = await listen(t)
  const head = (rest: string) =>
    `POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${rest}\r\n\r\n`
  isProblem(t, await say(port, head(`Content-Length: ${10 * 1024 * 1024}`), '{"a":"'), 413, 'announced')
  const chunk = `1000\r\n${'a'.repeat(4096)}\r\n`
  isProblem(
    t,
    await say(port, head('Transfer-Encoding: chunked'), chunk, chunk, '0\r\n\r\n'),
    413,
    'in chunks',
  )
})

t.test('an address that is not well-formed is a problem too', async (t) => {
  const { app } = await listen(t)
  for (const url of ['/%', '/%E0%A4%A', '/echo%ZZ']) {
    const reply = await app.inject(url)
    t.match(reply.headers['content-type'], 'application/problem+json')
    t.match(reply.json(), { status: 400, code: 'FL_REQUEST_INVALID', requestId: /.+/ })
    t.notMatch(reply.body, 'E0', 'and is not repeated')
  }
})
