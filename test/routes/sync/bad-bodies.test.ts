import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { post, send, signatureOf, syncOn, syncSecret, toEvent } from '../../support/events.ts'
import { createWorld, type Service } from '../../support/service.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const mebibyte = 1024 * 1024

let people = 0

/** An event about somebody new. */
function toNews(own: object = {}, user: object = {}): string {
  people += 1
  return JSON.stringify({
    ...toEvent({ user: { id: `rec${people}`, email: `p${people}@example.com`, ...user } }),
    ...own,
  })
}

/** The text of an event with one value written as it is. */
function withRaw(place: string, raw: string): string {
  return toNews({ [place]: '@raw' }, { [place]: '@raw' }).replaceAll('"@raw"', raw)
}

function nested(depth: number, inner = ''): string {
  return '['.repeat(depth) + inner + ']'.repeat(depth)
}

/** Bytes on the wire as they are, and the status line of what comes back; undefined for a cut connection. */
function sendRaw(port: number, parts: (string | Buffer)[], from = '127.0.0.1'): Promise<number | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1', localAddress: from })
    const status = () => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? Number.NaN) || undefined
    socket.setTimeout(500, () => socket.destroy())
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1')
      if (answer.includes('\r\n\r\n')) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(status()))
    for (const part of parts) socket.write(part)
  })
}

function head(headers: Record<string, string | number>): string {
  const lines = Object.entries({ host: 'x', 'content-type': 'application/json', ...headers })
  const list = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `POST /api/sync/users/inbound HTTP/1.1\r\n${list}\r\n`
}

t.test('"a 4xx or a correct result, memory stays bounded, never a 5xx"', async (t) => {
  const world = await createWorld(t)
  const service: Service = await world.start({ ...syncOn, LOG_LEVEL: 'warn' })
  const { app } = service
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)

  /** The result or the code; throws for anything else. */
  async function tell(body: string | Buffer, headers?: Record<string, string>): Promise<string> {
    const reply = await post(service, body, headers)
    const { result, code } = reply.json<{ result?: string; code?: string }>()
    if (reply.statusCode >= 500 || !(result ?? code?.startsWith('FL_'))) throw new Error(reply.body)
    return result ?? code ?? ''
  }
  async function all(t: Test, expected: string, bodies: Record<string, string | Buffer>) {
    for (const [name, body] of Object.entries(bodies)) t.equal(await tell(body), expected, name)
  }

  for (let round = 0; round < 200; round += 1) await tell(toNews())
  collect()
  const before = process.memoryUsage.rss()

  t.test('20 MB bodies', async (t) => {
    const large = Buffer.alloc(20 * mebibyte, ' ')
    t.equal(await tell(large), 'FL_BODY_TOO_LARGE', 'signed')
    t.equal(await tell(large, {}), 'FL_SIGNATURE_INVALID', 'unsigned: its length is of no interest')
    const signature = signatureOf(large)
    for (let round = 0; round < 5; round += 1) {
      const sized = head({ 'content-length': large.length, 'x-signature': signature })
      t.equal(await sendRaw(port, [sized, large]), 413)
      const chunked = head({ 'transfer-encoding': 'chunked', 'x-signature': signature })
      const frame = `${large.length.toString(16)}\r\n`
      // Each from an address of its own: bytes that prove nothing are limited.
      t.equal(await sendRaw(port, [chunked, frame, large, '\r\n0\r\n\r\n'], `127.0.1.${round + 1}`), 413)
    }
    const fitting = toNews({ filler: 'x'.repeat(mebibyte - 400) })
    t.equal(await tell(fitting), 'processed', 'just below the limit')
    const huge = 'x'.repeat(900_000)
    t.equal(await tell(toNews({}, { name: huge })), 'FL_PAYLOAD_INVALID', 'a huge name')
    t.equal(await tell(toNews({ eventId: huge })), 'FL_PAYLOAD_INVALID', 'a huge id')
    t.equal(await tell(toNews({ eventType: huge })), 'FL_PAYLOAD_INVALID', 'a huge type')
  })

  t.test('JSON that is deep, double, poisonous or large', async (t) => {
    for (const depth of [10_000, 200_000]) {
      await all(t, 'FL_PAYLOAD_INVALID', {
        arrays: nested(depth),
        objects: '{"a":'.repeat(depth / 8) + '1' + '}'.repeat(depth / 8),
        'a deep name': withRaw('name', nested(depth)),
        'never closed': '['.repeat(depth),
      })
      t.equal(await tell(withRaw('other', nested(depth))), 'FL_PAYLOAD_INVALID', 'in a key that is not read')
    }
    t.equal(await tell(withRaw('other', nested(62))), 'processed', '64 levels')
    t.equal(await tell(withRaw('other', nested(63))), 'FL_PAYLOAD_INVALID', '65 levels')
    t.equal(await tell(withRaw('other', JSON.stringify('['.repeat(1000)))), 'processed', 'brackets in a text')
    const poison = withRaw('other', nested(60, '{"__proto__":{"polluted":1}}'))
    t.equal(await tell(poison), 'processed', 'a key that reaches a prototype is dropped')
    for (const key of ['__proto__', 'constructor":{"prototype', '\\u005f_proto__']) {
      const close = key.includes('{') ? '}' : ''
      const poison = JSON.stringify(toEvent()).replace('{', `{"${key}":{"polluted":1}${close},`)
      t.equal(await tell(poison), 'processed', key)
    }
    t.notOk('polluted' in {})
    const double = toNews({}, { name: 'Last' }).replace('"name"', '"name":"First","name"')
    t.equal(await tell(double), 'processed')
    const named = await world.sql`select name from firstlogin.users where name in ('First', 'Last')`
    t.same(named, [{ name: 'Last' }], 'of double keys the last one counts')
    await all(t, 'FL_PAYLOAD_INVALID', {
      'a number as a name': withRaw('name', '9007199254740993'),
      'a number as an id': withRaw('eventId', '9007199254740993'),
      'a number as a time': withRaw('occurredAt', '1e999'),
      'negative zero': withRaw('email', '-0'),
    })
    t.equal(await tell(withRaw('other', `[9007199254740993,1e999,-1e-999,${'9'.repeat(4000)}]`)), 'processed')
    await all(t, 'FL_PAYLOAD_INVALID', {
      nothing: '',
      blank: ' ',
      null: 'null',
      'an array': '[]',
      'an array of events': JSON.stringify([toEvent()]),
      text: '"evt"',
      number: '1',
      true: 'true',
      'two of them': '{}{}',
      'a comment': '{}//',
      NaN: '{"eventId":NaN}',
    })
  })

  t.test('bytes that are not UTF-8, and marks at the beginning', async (t) => {
    const text = toNews()
    const broken = (bytes: number[]) =>
      Buffer.concat(
        text
          .split('Mary')
          .flatMap((part, i) => (i ? [Buffer.from(bytes), Buffer.from(part)] : Buffer.from(part))),
      )
    await all(t, 'FL_PAYLOAD_INVALID', {
      'a lone byte': broken([0xff]),
      'a cut sequence': broken([0xe2, 0x82]),
      'an overlong slash': broken([0xc0, 0xaf]),
      'a surrogate in UTF-8': broken([0xed, 0xa0, 0x80]),
      'beyond Unicode': broken([0xf4, 0x90, 0x80, 0x80]),
      'a raw NUL': broken([0]),
      'UTF-16': Buffer.from(text, 'utf16le'),
      gzip: gzipSync(text),
    })
    t.equal(await tell(Buffer.from(`\ufeff${text}`)), 'processed', 'a byte order mark')
    const zipped = gzipSync(text)
    const headers = { 'content-encoding': 'gzip', 'x-signature': signatureOf(zipped) }
    t.equal(await tell(zipped, headers), 'FL_PAYLOAD_INVALID')
  })

  t.test('NUL and lone surrogates in every text field', async (t) => {
    let count = 0
    for (const sign of ['\\u0000', '\\ud800', '\\udc00', '\\udc00\\ud800', '\\ud83d']) {
      for (const field of ['name', 'avatarUrl', 'status', 'role', 'passwordHash']) {
        const id = `recNul${(count += 1)}`
        const event = JSON.stringify(toEvent({ user: { id, email: `${id}@example.com`, [field]: '@raw' } }))
        t.equal(await tell(event.replace('@raw', `a${sign}b`)), 'processed', `${field} ${sign}`)
      }
      const told = withRaw('email', `"a${sign}da@example.com"`)
      t.equal(await tell(told), 'FL_EMAIL_INVALID', `email ${sign}`)
      for (const field of ['eventId', 'eventType', 'occurredAt', 'id'])
        t.equal(await tell(withRaw(field, `"a${sign}b"`)), 'FL_PAYLOAD_INVALID', `${field} ${sign}`)
    }
    const people = await world.sql<{ name: string }[]>`
      select name from firstlogin.users where name like 'a%b'`
    t.ok(people.length === 5 && people.every(({ name }) => name.includes('\ufffd')))
  })

  t.test('odd times', async (t) => {
    const time = async (occurredAt: string) =>
      tell(
        JSON.stringify(
          toEvent({ occurredAt, user: { id: occurredAt.replaceAll(' ', '_'), email: undefined } }),
        ),
      )
    const kept = async () =>
      (
        await world.sql<
          { at: Date }[]
        >`select occurred_at as at from firstlogin.inbound_events order by received_at desc limit 1`
      )[0]?.at.toISOString()
    for (const [written, meant] of [
      ['2026-11-20T10:00:00Z', '2026-11-20T10:00:00.000Z'],
      ['2026-11-20t10:00:00.5z', '2026-11-20T10:00:00.500Z'],
      ['2026-11-20 10:00:00+05:30', '2026-11-20T04:30:00.000Z'],
      ['2026-11-20T10:00:00.123456789-23:59', '2026-11-21T09:59:00.123Z'],
      ['2024-02-29T23:59:59-00:00', '2024-02-29T23:59:59.000Z'],
      ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
      ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ] as const) {
      const result = written.startsWith('9999') ? /^FL_EVENT_AHEAD$/ : /^(processed|stale)$/
      t.match(await time(written), result, written)
      t.equal(await kept(), meant)
    }
    for (const written of [
      '0000-01-01T00:00:00Z',
      '0001-01-01T00:00:00+01:00',
      '1970-01-01T00:59:59+01:00',
      '9999-12-31T23:59:59-01:00',
      '+010000-01-01T00:00:00Z',
      '2026-02-30T10:00:00Z',
      '2025-02-29T10:00:00Z',
      '2026-13-01T10:00:00Z',
      '2026-00-10T10:00:00Z',
      '2026-11-20T24:00:00Z',
      '2026-12-31T23:59:60Z',
      '2026-11-20T10:00:00+24:00',
      '2026-11-20T10:00:00+99:99',
      '2026-11-20',
      '2026-11-20T10:00Z',
      '20261120T100000Z',
      'Fri, 20 Nov 2026 10:00:00 GMT',
      '1795168800000',
      'now',
      '',
    ])
      t.equal(await time(written), 'FL_PAYLOAD_INVALID', written)
  })

  t.test('content types, transfer encodings and lengths that lie', async (t) => {
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'APPLICATION/JSON; charset=latin1',
    ]) {
      const body = toNews()
      t.equal(await tell(body, { 'content-type': type, 'x-signature': signatureOf(body) }), 'processed', type)
    }
    for (const type of ['', 'x', '*/*', 'a/b/c', ';']) {
      const body = toNews()
      const answer = await tell(body, { 'content-type': type, 'x-signature': signatureOf(body) })
      t.match(answer, /^(processed|FL_CONTENT_TYPE_UNSUPPORTED)$/, type)
    }
    const body = toNews()
    const headers = { 'x-signature': signatureOf(body) }
    const half = Math.floor(body.length / 2)
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
    const chunks = [chunk(body.slice(0, half)), chunk(body.slice(half)), '0\r\n\r\n']
    const ways: Record<string, [number | undefined, (string | Buffer)[]]> = {
      chunked: [200, [head({ ...headers, 'transfer-encoding': 'chunked' }), ...chunks]],
      'one byte short': [401, [head({ ...headers, 'content-length': body.length - 1 }), body]],
      'no length, no body': [401, [head(headers)]],
      'both lengths': [
        400,
        [head({ ...headers, 'content-length': 5, 'transfer-encoding': 'chunked' }), ...chunks],
      ],
      'not a length': [400, [head({ ...headers, 'content-length': '-1' }), body]],
      'chunks that are none': [400, [head({ ...headers, 'transfer-encoding': 'chunked' }), 'zz\r\n', body]],
      'more promised than sent': [
        undefined,
        [head({ ...headers, 'content-length': body.length + 100 }), body],
      ],
    }
    for (const [name, [status, parts]] of Object.entries(ways))
      t.equal(await sendRaw(port, parts), status, name)
  })

  t.test('random JSON and nearly right events', async (t) => {
    const nearly = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        'user.created',
        'user.updated',
        'user.deleted',
        '2026-11-20T10:00:00Z',
        'recX',
        null,
        '',
        '\0',
        '\ud800',
      ),
      fc.emailAddress(),
    )
    const user = fc.record(
      {
        id: nearly,
        email: nearly,
        name: nearly,
        avatarUrl: nearly,
        status: nearly,
        role: nearly,
        passwordHash: nearly,
      },
      { requiredKeys: [] },
    )
    const event = fc.oneof(
      fc.jsonValue({ maxDepth: 4 }),
      fc.record(
        { eventId: nearly, eventType: nearly, occurredAt: nearly, user: fc.oneof(user, nearly) },
        { requiredKeys: [] },
      ),
      fc.record({
        eventId: fc.uuid(),
        eventType: fc.constantFrom('user.created', 'user.updated', 'user.deleted'),
        occurredAt: fc
          .date({ min: new Date(0), max: new Date('2030-01-01'), noInvalidDate: true })
          .map((date) => date.toISOString()),
        user: fc.record({
          email: fc.emailAddress(),
          name: fc.string({ unit: 'binary' }),
          status: nearly,
          role: nearly,
        }),
      }),
    )
    const seen = new Map<string, number>()
    const result = await fc.check(
      fc.asyncProperty(fc.array(event, { minLength: 8, maxLength: 8 }), async (events) => {
        const answers = await Promise.all(events.map((one) => tell(JSON.stringify(one))))
        for (const answer of answers) seen.set(answer, (seen.get(answer) ?? 0) + 1)
      }),
      { numRuns: 60, interruptAfterTimeLimit: 4000 },
    )
    t.notOk(result.failed, fc.defaultReportMessage(result) ?? '')
    for (const answer of ['processed', 'ignored', 'FL_PAYLOAD_INVALID'])
      t.ok(seen.has(answer), `${answer}: ${[...seen].join(' ')}`)
  })

  t.test('unsigned, all of it is one and the same 401', async (t) => {
    const wrong = createHmac('sha256', `${syncSecret}.`).update('').digest('hex')
    for (const body of [
      '',
      '{',
      nested(10_000),
      '{"__proto__":1}',
      withRaw('name', '7'),
      Buffer.from([0xff]),
      JSON.stringify(toEvent()),
    ])
      for (const headers of [{}, { 'x-signature': wrong }] as Record<string, string>[])
        t.equal(await tell(body, headers), 'FL_SIGNATURE_INVALID')
  })

  const last = toEvent({ user: { id: 'recLast', email: 'last@example.com' } })
  t.equal(
    (await send(service, last)).json<{ result: string }>().result,
    'processed',
    'a good event still works',
  )
  collect()
  const grown = (process.memoryUsage.rss() - before) / mebibyte
  t.ok(grown < 60, `memory has grown by ${grown.toFixed(1)} MiB`)
  t.notOk(
    service.log.some((line) => line.level >= 50),
    'none of it is an error of ours',
  )
})
