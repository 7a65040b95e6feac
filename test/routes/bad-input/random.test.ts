import fc from 'fast-check'
import t from 'tap'
import { createWorld } from '../../support/service.ts'

/** What a field may hold: anything, and often nearly what it should. */
const nearly = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.emailAddress(),
  fc.constantFrom('ada@example.com', 'analytical-engine', '\u0000', '\ud800', "'", '\\', '{}', '', ' '),
  fc.jsonValue(),
)

const body = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.record({ email: nearly, password: nearly, cookie: nearly, refreshToken: nearly }, { requiredKeys: [] }),
  fc.record({
    email: fc.emailAddress(),
    password: fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }),
  }),
  fc.dictionary(fc.string(), nearly, { maxKeys: 6 }),
)

const headers = fc.record(
  {
    authorization: fc.oneof(
      fc.base64String().map((text) => `Bearer ${text}`),
      fc.string({ unit: 'grapheme-ascii' }),
    ),
    cookie: fc
      .tuple(fc.constantFrom('firstlogin-access', 'firstlogin-refresh', 'x'), fc.base64String())
      .map((pair) => pair.join('=')),
    origin: fc.oneof(fc.webUrl(), fc.constantFrom('null', '', 'http://127.0.0.1:3000')),
    'user-agent': fc.string({ unit: 'grapheme-ascii', maxLength: 600 }),
  },
  { requiredKeys: [] },
)

t.test('any JSON to any POST route is answered below 500, with a problem of ours', async (t) => {
  // Nobody upstream is asked: its budget of calls is not the point.
  const service = await (await createWorld(t)).start({ USER_READTHROUGH_FALLBACK_ENABLED: 'false' })
  const path = fc.constantFrom('login', 'refresh', 'logout', 'logout-all')
  const seen = new Set<number>()
  const result = await fc.check(
    fc.asyncProperty(
      path,
      fc.array(fc.tuple(body, headers), { minLength: 4, maxLength: 8 }),
      async (path, requests) => {
        const replies = await Promise.all(
          requests.map(([payload, headers]) =>
            service.app.inject({
              method: 'POST',
              url: `/api/auth/${path}`,
              headers: { 'content-type': 'application/json', ...headers },
              payload: JSON.stringify(payload),
            }),
          ),
        )
        for (const reply of replies) {
          seen.add(reply.statusCode)
          if (reply.statusCode < 300) continue
          if (reply.statusCode >= 500 || !`${reply.json().code}`.startsWith('FL_'))
            throw new Error(reply.body)
        }
      },
    ),
    { numRuns: 80, interruptAfterTimeLimit: 6000 },
  )
  t.notOk(result.failed, fc.defaultReportMessage(result) ?? '')
  t.ok(
    [400, 401].every((status) => seen.has(status)),
    `seen ${[...seen].join()}`,
  )
  t.notOk(service.log.some((line) => line.level >= 50))
})
