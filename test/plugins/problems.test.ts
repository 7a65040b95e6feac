import { readdir, readFile } from 'node:fs/promises'
import Fastify from 'fastify'
import t from 'tap'
import { catalogue, type ErrorCode, FirstloginError } from '../../errors.ts'
import problems from '../../plugins/problems.ts'
import { isProblem } from '../routes/auth/client.ts'

/** Codes whose route is still to come; a code that gets a test leaves this list. */
const toCome: ErrorCode[] = []

t.test('every error code has a test', async (t) => {
  const folder = new URL('../', import.meta.url)
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.test.ts'))
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')))
  const tested = (code: string) => texts.some((text) => new RegExp(`['"]${code}['"]`).test(text))
  for (const code of Object.keys(catalogue) as ErrorCode[])
    t.equal(
      tested(code),
      !toCome.includes(code),
      `${code} is named by a test${toCome.includes(code) ? ' now' : ''}`,
    )
})

t.test('every code is answered as RFC 9457 has it, under its own status', async (t) => {
  const app = Fastify()
  await app.register(problems)
  app.get<{ Params: { code: ErrorCode } }>('/:code', async ({ params }) => {
    throw new FirstloginError(params.code, {
      retryAfterS: 1.2,
      cause: new Error('the cause'),
      detail: 'More.',
    })
  })
  for (const code of Object.keys(catalogue) as ErrorCode[]) {
    const reply = await app.inject(`/${code}`)
    isProblem(t, reply, code)
    t.equal(reply.headers['cache-control'], 'no-store')
    t.equal(reply.headers['retry-after'], '2', 'whole seconds, never too few')
    t.equal(reply.json().detail, `${catalogue[code][1]} More.`)
    t.notMatch(reply.body, 'the cause')
    t.equal(reply.headers['www-authenticate'], reply.statusCode === 401 ? 'Bearer' : undefined)
  }
})

t.test('what is not in the catalogue is FL_INTERNAL, told to the log once and to nobody else', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => void lines.push(line) } } })
  await app.register(problems)
  const thrown: Record<string, unknown> = {
    error: new Error('with a secret', { cause: new TypeError('deeper') }),
    text: 'with a secret',
    status: Object.assign(new Error('with a secret'), { statusCode: 502 }),
    foreign: Object.assign(new Error('with a secret'), { code: 'FL_MADE_UP' }),
  }
  app.get<{ Params: { what: string } }>('/:what', async ({ params }) => {
    throw thrown[params.what]
  })
  for (const what of Object.keys(thrown)) {
    lines.length = 0
    const reply = await app.inject(`/${what}`)
    isProblem(t, reply, 'FL_INTERNAL', what)
    t.notMatch(reply.body, 'secret')
    const errors = lines.map((line) => JSON.parse(line)).filter((line) => line.level >= 40)
    t.match(errors, [
      { level: 50, event: 'request.failed', code: 'FL_INTERNAL', reqId: reply.json().requestId },
    ])
    t.equal(errors.length, 1)
  }
})

t.test('a fault of the framework below 500 keeps its kind and not its message', async (t) => {
  const app = Fastify()
  await app.register(problems)
  app.get<{ Params: { status: string } }>('/:status', async ({ params }) => {
    throw Object.assign(new Error('what was sent'), { statusCode: Number(params.status) })
  })
  for (const [status, code] of [
    [400, 'FL_REQUEST_INVALID'],
    [404, 'FL_ROUTE_UNKNOWN'],
    [413, 'FL_BODY_TOO_LARGE'],
    [415, 'FL_CONTENT_TYPE_UNSUPPORTED'],
    [418, 'FL_REQUEST_INVALID'],
  ] as const) {
    const reply = await app.inject(`/${status}`)
    isProblem(t, reply, code)
    t.notMatch(reply.body, 'what was sent')
  }
})

// shared/cases/host-error-handler.mjs
t.test("a host's own error handler answers with the status of every code", async (t) => {
  const app = Fastify()
  app.setErrorHandler<FirstloginError>((error, _request, reply) =>
    reply.status(error.statusCode ?? 500).send({ ok: false, code: error.code }),
  )
  app.get<{ Params: { code: ErrorCode } }>('/:code', async ({ params }) => {
    throw new FirstloginError(params.code)
  })
  for (const code of Object.keys(catalogue) as ErrorCode[]) {
    const reply = await app.inject(`/${code}`)
    t.same([reply.statusCode, reply.json()], [catalogue[code][0], { ok: false, code }])
  }
})
