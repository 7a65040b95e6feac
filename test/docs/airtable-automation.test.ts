import { readFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createSignatureKeys, verifySignature } from '../../domain/signature.ts'
import { type Run, runAutomation } from '../support/automation.ts'
import { createWorld } from '../support/service.ts'

const page = await readFile(new URL('../../docs/airtable.md', import.meta.url), 'utf8')
const scripts = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
const [script = ''] = scripts

const secret = 'a secret that nobody else has to know'
const recordId = 'recAAAAAAAAAAAAAA'
const modifiedAt = '2025-11-20T10:00:00.000Z'
const ada = { recordId, email: 'Ada@Example.com', name: 'Ada', status: 'active', role: 'member', modifiedAt }

const run = (config: object, key = secret): Promise<Run> =>
  runAutomation(script, { config, secrets: { FIRSTLOGIN_SYNC_SECRET: key } })

interface Answer {
  status?: number
  body?: string
  headers?: Record<string, string>
}

interface Receiver {
  url: string
  requests: { headers: IncomingHttpHeaders; bytes: Buffer }[]
  /** The bodies of the requests so far, which are forgotten. */
  take(): Event[]
}

interface Event {
  eventId: string
  eventType: string
  occurredAt: string
  user: object
}

const processed: Answer = { body: '{"result":"processed"}' }

/** Keeps what it gets, to the byte. Of several answers each is given once, the last one from then on. */
async function createReceiver(t: Test, answers: Answer[] = [processed]): Promise<Receiver> {
  const requests: Receiver['requests'] = []
  const server = createServer(async (request, reply) => {
    const chunks: Buffer[] = await request.toArray()
    const answer = answers[Math.min(requests.length, answers.length - 1)]
    requests.push({ headers: request.headers, bytes: Buffer.concat(chunks) })
    reply.writeHead(answer?.status ?? 200, answer?.headers).end(answer?.body)
  })
  // A busy machine may pause for longer than a connection would be kept.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const take = () => requests.splice(0).map(({ bytes }) => JSON.parse(bytes.toString()) as Event)
  return { url, requests, take }
}

t.test('docs/airtable.md has one script, in few lines that fit the page', async (t) => {
  t.equal(scripts.length, 1)
  const lines = script.trimEnd().split('\n')
  t.ok(lines.length <= 110, `${lines.length} lines`)
  t.same(
    lines.filter((line) => line.length > 110),
    [],
  )
})

t.test('the script is given what Airtable has for certain, and nothing else', async (t) => {
  const looking = await runAutomation(`output.set('names', Object.getOwnPropertyNames(globalThis))`)
  const builtIn = new Set(runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[])
  builtIn.delete('console')
  const given = (looking.output['names'] as string[]).filter((name) => !builtIn.has(name))
  t.same(given.sort(), ['Headers', 'URLSearchParams', 'console', 'fetch', 'input', 'output'])
  const absent = [
    'setTimeout',
    'AbortController',
    'Buffer',
    'crypto',
    'TextEncoder',
    'btoa',
    'require',
    'process',
  ]
  const types = await runAutomation(`output.set('types', [${absent.map((name) => `typeof ${name}`).join()}])`)
  t.same(
    types.output['types'],
    absent.map(() => 'undefined'),
  )

  const { url } = await createReceiver(t)
  t.match(await run({ url, event: 'user.created', ...ada }), {
    failure: undefined,
    output: { result: 'processed' },
  })
})

t.test('the stand-in for the action refuses what Airtable refuses', async (t) => {
  const { url } = await createReceiver(t, [{ body: 'x'.repeat(1000) }])
  const ask = (init: string) => `output.set('size', (await (await fetch('${url}', ${init})).text()).length)`
  const manual = `{ redirect: 'manual' }`
  t.same((await runAutomation(ask(manual))).output, { size: 1000 })
  t.same((await runAutomation(`return; ${ask(manual)}`)).output, {}, 'a return may stand at the top')
  for (const init of [`{}`, `{ redirect: 'follow' }`])
    t.match((await runAutomation(ask(init))).failure, 'There is no redirect')
  const small = await runAutomation(ask(manual), {}, { answerBytes: 999, answerMs: 12_000 })
  t.match(small.failure, 'too large')

  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    silent.closeAllConnections()
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  const asking = `await fetch('http://127.0.0.1:${port}/', ${manual})`
  t.match((await runAutomation(asking, {}, { answerBytes: 999, answerMs: 50 })).failure, /timeout/i)
})

t.test('its HMAC is that of node:crypto, whatever the secret and the body', async (t) => {
  const { url, requests } = await createReceiver(t)
  const check = async (key: string, name: string) => {
    requests.length = 0
    const { failure } = await run({ url, event: 'user.updated', ...ada, name }, key)
    if (failure) throw new Error(failure)
    const [request] = requests
    if (!request) throw new Error('Nothing was sent.')
    verifySignature(request.bytes, request.headers, createSignatureKeys({ plain: [key] }), Date.now())
    const { user } = JSON.parse(request.bytes.toString())
    if (user.name !== name.trim()) throw new Error(`${inspect(name)} became ${inspect(user.name)}`)
  }

  // Around the ends of a block, of 64 bytes, in both.
  for (let length = 0; length <= 130; length++) await check('k'.repeat(length + 1), 'x'.repeat(length))
  for (const text of ['Ünï', '\u2028\u2029', '👩‍💻', '"\\\n\0', '%41%', '\ud800', 'x'.repeat(4096)])
    await check(text === '\ud800' ? 'k' : text, text)

  const anyText = fc.string({ unit: 'binary', maxLength: 200 })
  const someText = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 })
  await t.resolves(fc.assert(fc.asyncProperty(someText, anyText, check), { numRuns: 300 }))
})

t.test('every event says what is known and nothing else', async (t) => {
  const { url, requests, take } = await createReceiver(t)
  const { email, name, status, role } = ada
  for (const event of ['user.created', 'user.updated']) {
    await run({ url, event, ...ada })
    t.match(requests[0]?.headers, {
      'content-type': 'application/json',
      'x-signature': /^sha256=[0-9a-f]{64}$/,
    })
    const [sent] = take()
    t.match(sent?.eventId, /^airtable-[0-9a-f]{32}$/)
    t.same(sent, {
      eventId: sent?.eventId,
      eventType: event,
      occurredAt: modifiedAt,
      user: { id: recordId, email, name, status, role },
    })
  }
  await run({ url, event: 'user.deleted', ...ada })
  t.same(take()[0]?.user, { id: recordId, email })

  await run({ url, event: 'user.updated', recordId })
  t.same(take()[0]?.user, { id: recordId }, 'what is not mapped is not spoken of')
  await run({ url, event: 'user.updated', recordId, email: '', name: '', status: null, role: [] })
  t.same(take()[0]?.user, { id: recordId, name: '', status: '', role: '' }, 'an empty address is none')
})

t.test('cells are taken as Airtable hands them over', async (t) => {
  const { url, take } = await createReceiver(t)
  const select = (name: string) => ({ id: `sel${name}`, name, color: 'blueLight2' })
  const cells: [cell: unknown, text: string][] = [
    [' Ada ', 'Ada'],
    [select('Active'), 'Active'],
    [[select('Admin')], 'Admin'],
    [[select('Admin'), select('Member')], 'Admin, Member'],
    [['Ada'], 'Ada'],
    [true, 'true'],
    [false, 'false'],
    [7, '7'],
    [null, ''],
    [[], ''],
  ]
  for (const [cell, text] of cells) {
    await run({ url, event: 'user.updated', recordId: [recordId], status: cell })
    t.same(take()[0]?.user, { id: recordId, status: text }, inspect(cell))
  }
})

t.test("an event's time is the record's own, or that of the run", async (t) => {
  const { url, take } = await createReceiver(t)
  const timeOf = async (time?: unknown) => {
    const config = { url, event: 'user.updated', recordId }
    const { log } = await run(time === undefined ? config : { ...config, modifiedAt: time })
    return { occurredAt: take()[0]?.occurredAt ?? '', told: log.some((line) => line.includes('modifiedAt')) }
  }
  for (const time of [modifiedAt, '2025-11-20T10:00:00Z', '2025-11-20T11:00:00+01:00', [modifiedAt]])
    t.same(await timeOf(time), { occurredAt: modifiedAt, told: false }, inspect(time))
  // Of 11/10/2026 nobody knows the month, and a day alone is no time.
  for (const time of [
    undefined,
    null,
    '',
    '11/10/2026 10:00am',
    '2025-11-20',
    '2025-11-20T99:00:00Z',
    'soon',
  ]) {
    const before = Date.now()
    const { occurredAt, told } = await timeOf(time)
    const at = Date.parse(occurredAt)
    t.ok(at >= before && at <= Date.now(), inspect(time))
    t.equal(told, Boolean(time), 'and the log says so')
  }
})

t.test('the same news has the same event id, and other news another one', async (t) => {
  const { url, take } = await createReceiver(t)
  const idOf = async (config: object) => {
    await run({ url, event: 'user.updated', ...ada, ...config })
    return take()[0]?.eventId
  }
  const id = await idOf({})
  t.equal(await idOf({}), id)
  t.equal(await idOf({ name: { name: 'Ada' }, modifiedAt: '2025-11-20T10:00:00Z' }), id)
  const others = [
    { name: 'Ada L.' },
    { name: '' },
    { status: 'disabled' },
    { event: 'user.created' },
    { recordId: 'recBBBBBBBBBBBBBB' },
    { modifiedAt: '2025-11-20T10:00:01.000Z' },
    { name: 'Ada', role: 'Adamember' },
  ]
  const ids = [id]
  for (const other of others) ids.push(await idOf(other))
  t.equal(new Set(ids).size, ids.length)
})

t.test('whatever is not taken turns the run red, and the secret is nowhere', async (t) => {
  const problem = (status: number, code: string, detail: string): Answer => ({
    status,
    body: JSON.stringify({ type: 'about:blank', title: 'Wrong', status, code, detail }),
  })
  const refusals: [Answer, RegExp][] = [
    [
      problem(401, 'FL_SIGNATURE_INVALID', 'It is wrong.'),
      /user\.updated of recA+: 401 FL_SIGNATURE_INVALID It is wrong\./,
    ],
    [problem(400, 'FL_PAYLOAD_INVALID', 'user.id is wrong'), /400 FL_PAYLOAD_INVALID user\.id is wrong/],
    [problem(404, 'FL_ROUTE_UNKNOWN', 'Nothing here.'), /404 FL_ROUTE_UNKNOWN/],
    [{ status: 500, body: '<html>' }, /: 500\b/],
    [{ status: 502 }, /: 502\b/],
    [{ status: 204 }, /: 204\b/],
    [{ status: 307, headers: { location: '/elsewhere' } }, /: 307\b/],
    [{ body: '<html>Welcome</html>' }, /: 200\b/],
    [{ body: 'null' }, /: 200\b/],
    [{ body: '"result"' }, /: 200\b/],
  ]
  for (const [answer, reason] of refusals) {
    const { url, requests } = await createReceiver(t, [answer])
    const red = await run({ url, event: 'user.updated', ...ada })
    t.match(red.failure, reason)
    t.same(red.output, {})
    t.equal(requests.length, 1, 'and is sent once')
    t.notMatch(inspect(red), secret)
  }
  t.ok((await run({ url: 'http://127.0.0.1:1/', event: 'user.updated', ...ada })).failure, 'nobody listens')
  const { url, requests } = await createReceiver(t)
  const green = await run({ url, event: 'user.updated', ...ada })
  t.notMatch(inspect([green, requests.map(({ headers, bytes }) => [headers, bytes.toString()])]), secret)
  t.same(green.log, [`'user.updated of ${recordId}: processed'`], 'nor is anything of the person in the log')
})

t.test('what is not set up is named, before anything is sent', async (t) => {
  const { url, requests } = await createReceiver(t)
  const good = { url, event: 'user.created', ...ada }
  for (const name of ['url', 'event', 'recordId'])
    t.match((await run({ ...good, [name]: null })).failure, new RegExp(`input variable .*${name}`))
  t.match((await run({ ...good, event: 'user.upserted' })).failure, 'input variable event')
  t.match((await run(good, '')).failure, 'FIRSTLOGIN_SYNC_SECRET')
  t.match((await runAutomation(script, { config: good })).failure, 'FIRSTLOGIN_SYNC_SECRET')
  t.equal(requests.length, 0)
})

t.test('a 429 or 503 is tried twice more, with the same bytes', async (t) => {
  for (const status of [429, 503]) {
    const busy = { status, body: '{"code":"FL_UPSTREAM_UNAVAILABLE","detail":"Busy."}' }
    const { url, requests } = await createReceiver(t, [busy, busy, processed])
    t.match(await run({ url, event: 'user.updated', recordId }), {
      failure: undefined,
      output: { result: 'processed' },
    })
    t.equal(requests.length, 3)
    for (const { headers, bytes } of requests) {
      t.same(bytes, requests[0]?.bytes)
      t.equal(headers['x-signature'], requests[0]?.headers['x-signature'])
    }
    const never = await createReceiver(t, [busy])
    const red = await run({ url: never.url, event: 'user.updated', recordId })
    t.match(red.failure, `${status} FL_UPSTREAM_UNAVAILABLE Busy.`)
    t.equal(never.requests.length, 3)
  }
})

t.test('the script and the service understand each other', async (t) => {
  const { sql, start } = await createWorld(t)
  const service = await start({
    USER_WEBHOOK_SYNC_ENABLED: 'true',
    AIRTABLE_USER_SYNC_SECRET: `the secret before this one,${secret}`,
  })
  const origin = await service.app.listen({ port: 0, host: '127.0.0.1' })
  const tell = async (event: string, config: object = {}, key = secret) => {
    const told = { url: `${origin}/api/sync/users/inbound`, event, ...ada, ...config }
    const { output, failure } = await run(told, key)
    return failure ?? output['result']
  }
  const people = () => sql`select email, name, status, role from firstlogin.users`

  t.equal(await tell('user.created'), 'processed')
  const { email, name, role } = ada
  t.same(await people(), [{ email, name, status: 'active', role }])
  t.equal(await tell('user.created'), 'replayed')
  t.equal(await tell('user.updated', { name: 'Before', modifiedAt: '2025-11-20T09:00:00.000Z' }), 'stale')
  const later = { name: 'Countess', status: { id: 'selA', name: 'Suspended' }, role: 'Manager' }
  t.equal(await tell('user.updated', { ...later, modifiedAt: '2025-11-20T11:00:00.000Z' }), 'processed')
  t.same(await people(), [{ email, name: 'Countess', status: 'disabled', role: 'admin' }])
  t.equal(await tell('user.deleted', { modifiedAt: '2025-11-20T12:00:00.000Z' }), 'processed')
  t.match(await people(), [{ status: 'deleted' }])

  const again = { recordId: 'recBBBBBBBBBBBBBB', modifiedAt: '2025-11-20T13:00:00.000Z' }
  t.equal(await tell('user.created', again, 'the secret before this one'), 'processed')
  t.match(await tell('user.updated', {}, 'a wrong one'), '401 FL_SIGNATURE_INVALID')
  t.match(await tell('user.updated', { recordId: 'not an id' }), '400 FL_PAYLOAD_INVALID')
  t.notMatch(service.logText(), secret)
})
