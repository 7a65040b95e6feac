import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createAirtableClient } from '../../../upstreams/airtable/client.ts'
import type { Http } from '../../../upstreams/upstream.ts'
import { openClient, token } from './called.ts'

/** How often each is called: once more only where the call may have been unlucky. */
const faults = {
  refuse: 2,
  reset: 2,
  half_body: 2,
  html_502: 2,
  stall: 1,
  drip: 1,
  rate_limit: 1,
  quota: 1,
  error_500: 1,
  malformed: 1,
  oversize: 1,
  unauthorized: 1,
  forbidden: 1,
} as const

for (const [kind, calls] of Object.entries(faults)) {
  t.test(
    `${kind} is FL_UPSTREAM_UNAVAILABLE within the deadline, after ${calls} of at most 2 calls`,
    async (t) => {
      // Those that never end have to be waited for; of the others even a slow machine may see both calls.
      const isEndless = kind === 'stall' || kind === 'drip'
      const { standIn, list, reports, logged } = await openClient(t, { deadlineMs: isEndless ? 700 : 20_000 })
      standIn.setFault({ kind: kind as keyof typeof faults })
      await t.rejects(list(), { code: 'FL_UPSTREAM_UNAVAILABLE', status: 503 })
      t.equal(standIn.calls().total, calls)
      t.equal(reports.length, calls)
      t.notOk(reports.includes('succeeded'))
      t.strictSame(
        logged.map(({ event }) => event),
        Array(calls).fill('airtable.failed'),
      )
      standIn.heal()
      t.equal((await list()).length, 7)
    },
  )
}

t.test('a fault that has passed by the second call is not noticed', async (t) => {
  const { standIn, list, pool, client, reports } = await openClient(t, {
    http: async (request) => {
      const answer = pool.http(request)
      await answer.catch(() => {})
      standIn.setFault({ kind: 'none' })
      return answer
    },
  })
  standIn.setFault({ kind: 'html_502' })
  t.equal((await list()).length, 7)
  t.strictSame(reports, ['failed', 'succeeded'])
  t.strictSame(await client.listRecords(() => undefined), [])
})

t.test('a body is not read beyond 4 MiB', async (t) => {
  const piece = 'x'.repeat(1024 * 1024)
  const closed: Promise<unknown>[] = []
  const server = createServer((_, response) => {
    // Endless, and never further ahead of the reader than the connection allows.
    const send = () => void response.write(piece, () => !response.destroyed && send())
    closed.push(once(response, 'close'))
    response.writeHead(200, { 'content-type': 'application/json' })
    send()
  }).listen(0)
  t.teardown(() => server.close())
  const { context } = await openClient(t)
  const { port } = server.address() as AddressInfo
  const target = {
    apiUrl: `http://127.0.0.1:${port}`,
    token,
    baseId: 'app',
    table: 'Users',
    deadlineMs: 30_000,
  }
  const client = createAirtableClient(target, context)
  await t.rejects(
    client.listRecords(() => ({})),
    { cause: { cause: { kind: 'oversize' } } },
  )
  t.ok(closed.length > 0)
  await Promise.all(closed)
})

t.test('a redirect is refused, and the token goes nowhere else', async (t) => {
  const { apiUrl, context, standIn } = await openClient(t)
  for (const status of [301, 302, 303, 307, 308]) {
    const server = createServer((request, response) => {
      response.writeHead(status, { location: apiUrl + request.url }).end()
    }).listen(0)
    const { port } = server.address() as AddressInfo
    const target = { apiUrl: `http://127.0.0.1:${port}`, token, baseId: standIn.baseId, table: 'Users' }
    const client = createAirtableClient(target, context)
    await t.rejects(
      client.listRecords(() => ({})),
      { code: 'FL_UPSTREAM_UNAVAILABLE' },
    )
    server.close()
  }
  t.equal(standIn.calls().total, 0)
})

const answering =
  (status: number, body: string, retryAfter?: string): Http =>
  async () => ({ status, body, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter } })
const limited = '{"errors":[{"error":"RATE_LIMIT_REACHED","message":"Slow down"}]}'

t.test(
  'after a 429 nobody calls for 30 seconds, or for as long as Retry-After says, up to an hour',
  async (t) => {
    for (const [retryAfter, penaltyS] of [
      [undefined, 30],
      ['5', 30],
      ['60', 60],
      ['-1', 30],
      ['Fri, 20 Nov 2026 10:00:00 GMT', 30],
      ['1e9', 3600],
      ['Infinity', 3600],
    ] as const) {
      const { list, reports } = await openClient(t, { http: answering(429, limited, retryAfter) })
      await t.rejects(list(), { code: 'FL_UPSTREAM_UNAVAILABLE', retryAfterS: penaltyS })
      t.strictSame(reports, [{ penaltyMs: penaltyS * 1000 }])
    }
  },
)

t.test('a used-up quota is asked about again after some seconds, in either envelope', async (t) => {
  for (const quotaEnvelope of ['plural', 'singular'] as const) {
    const { standIn, list, reports } = await openClient(t, { quotaEnvelope })
    standIn.setFault({ kind: 'quota' })
    await t.rejects(list(), { code: 'FL_UPSTREAM_UNAVAILABLE', retryAfterS: 4 })
    t.strictSame(reports, [{ penaltyMs: 4000 }])
  }
})

t.test('the log names the type of an error and nothing else of a body', async (t) => {
  for (const [body, reason] of [
    [
      '{"error":{"type":"INVALID_FILTER_BY_FORMULA","message":"ada@example.com"}}',
      '422 INVALID_FILTER_BY_FORMULA',
    ],
    ['{"error":"NOT_FOUND"}', '422 NOT_FOUND'],
    ['{"error":"ada@example.com is unknown"}', '422 without an Airtable error'],
    [`{"error":"${'A'.repeat(100_000)}"}`, '422 without an Airtable error'],
    ['<html>ada@example.com</html>', '422 without an Airtable error'],
  ] as const) {
    const { list, logged } = await openClient(t, { http: answering(422, body) })
    await t.rejects(list(), { code: 'FL_UPSTREAM_UNAVAILABLE' })
    t.strictSame(logged, [{ event: 'airtable.failed', reason }])
  }
})

t.test('a list of many pages is read to its end, each page after a turn of its own', async (t) => {
  const records = Array.from({ length: 250 }, (_, index) => ({
    id: `rec${String(index).padStart(14, 'A')}`,
    fields: { Email: `p${index}@example.com` },
  }))
  const { list, standIn, entered } = await openClient(t, { records, deadlineMs: 5000 })
  t.equal(new Set((await list()).map(({ id }) => id)).size, 250)
  t.equal(standIn.calls().total, 3)
  t.equal(entered(), 3)
})

t.test('a list that never ends is given up at the deadline', async (t) => {
  const { list } = await openClient(t, {
    http: answering(200, '{"records":[],"offset":"again"}'),
    deadlineMs: 100,
  })
  await t.rejects(list(), { code: 'FL_UPSTREAM_UNAVAILABLE' })
})
