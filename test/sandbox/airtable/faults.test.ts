import t from 'tap'
import { until } from '../../support/until.ts'
import { open } from './opened.ts'

const countsOf = (standIn: Awaited<ReturnType<typeof open>>['standIn']) =>
  standIn.calls().calls.map(({ status, count }) => [status, count])

for (const kind of ['refuse', 'reset']) {
  t.test(`${kind} ends the connection before any byte is answered`, async (t) => {
    const { standIn, users, ask, setFault } = await open(t)
    await setFault(kind)
    await t.rejects(ask('GET', users), {
      cause: { code: kind === 'reset' ? 'ECONNRESET' : 'UND_ERR_SOCKET' },
    })
    t.strictSame(countsOf(standIn), [[0, 1]])
    await setFault('none')
    t.equal((await ask('GET', users)).status, 200)
  })
}

t.test('stall accepts the call and never answers, and does not hold up the closing', async (t) => {
  const { standIn, users, ask, setFault } = await open(t)
  await setFault('stall')
  const leaving = new AbortController()
  const left = ask('GET', users, undefined, leaving.signal)
  await until(() => standIn.calls().total === 1)
  leaving.abort()
  await t.rejects(left, { name: 'AbortError' })
  const hanging = ask('GET', users)
  await until(() => standIn.calls().total === 2)
  t.strictSame(countsOf(standIn), [[0, 2]])
  await Promise.all([standIn.close(), t.rejects(hanging)])
})

t.test('drip sends the headers at once, and the body byte by byte', async (t) => {
  const endless = await open(t, { dripMs: 2 ** 30 })
  await endless.setFault('drip')
  const begun = await endless.ask('GET', endless.users)
  t.equal(begun.status, 200, 'before the body')
  await begun.body?.cancel()

  const { users, ask, setFault } = await open(t, { dripMs: 1 })
  await setFault('drip')
  t.equal(await (await ask('GET', users)).text(), '{"records":[]}')
})

t.test('quota refuses records for the month, and still tells about the base', async (t) => {
  const { standIn, users, ask, setFault } = await open(t)
  await setFault('quota')
  const response = await ask('GET', users)
  t.equal(response.status, 429)
  t.match(await response.json(), { errors: [{ error: 'PUBLIC_API_BILLING_LIMIT_EXCEEDED' }] })
  t.equal((await ask('GET', `/v0/meta/bases/${standIn.baseId}/tables`)).status, 200)
})

t.test('error_500 is an error of Airtable, html_502 one of what stands before it', async (t) => {
  const { users, ask, setFault } = await open(t)
  await setFault('error_500')
  t.equal((await ask('GET', users)).status, 500)
  await setFault('html_502')
  const response = await ask('GET', users)
  t.equal(response.status, 502)
  t.match(response.headers.get('content-type'), /^text\/html/)
  t.match(await response.text(), /^<html>/)
})

t.test('malformed is a 200 whose JSON is torn', async (t) => {
  const { users, ask, setFault } = await open(t)
  await setFault('malformed')
  const response = await ask('GET', users)
  t.equal(response.status, 200)
  await t.rejects(response.json(), SyntaxError)
})

t.test('half_body promises more than it sends', async (t) => {
  const { users, ask, setFault } = await open(t)
  await setFault('half_body')
  const response = await ask('GET', users)
  t.equal(response.status, 200)
  await t.rejects(response.text(), { cause: { code: 'UND_ERR_SOCKET' } })
})

t.test('oversize streams about 50 MB, for whoever goes on reading', async (t) => {
  const { users, ask, setFault } = await open(t)
  await setFault('oversize')
  const response = await ask('GET', users)
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.length
  t.ok(bytes > 50_000_000)

  const abandoned = await ask('GET', users)
  await abandoned.body?.cancel()
  await setFault('none')
  t.equal((await ask('GET', users)).status, 200)
})

t.test('unauthorized and forbidden are a token revoked, and a base no longer shared', async (t) => {
  const { users, ask, setFault } = await open(t)
  await setFault('unauthorized')
  t.equal((await ask('GET', users)).status, 401)
  await setFault('forbidden')
  t.match(await (await ask('GET', users)).json(), {
    error: { type: 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND' },
  })
})

t.test('latencyMs delays every answer, those of a fault too; healing lets them go', async (t) => {
  const { standIn, users, ask, setFault } = await open(t)
  for (const [kind, status] of [
    ['none', 200],
    ['error_500', 500],
  ] as const) {
    standIn.resetCalls()
    await setFault(kind, 1)
    t.equal((await ask('GET', users)).status, status)
    await setFault(kind, 600_000)
    const delayed = ask('GET', users)
    await until(() => standIn.calls().total === 2)
    t.match(countsOf(standIn), [
      [status, 1],
      [0, 1],
    ])
    standIn.heal()
    t.equal((await delayed).status, status)
  }
})

t.test('a call that nobody waits for any more is counted all the same, under status 0', async (t) => {
  const { standIn, users, ask, setFault } = await open(t)
  await setFault('none', 600_000)
  const leaving = new AbortController()
  const left = ask('GET', users, undefined, leaving.signal)
  await until(() => standIn.calls().total === 1)
  leaving.abort()
  await t.rejects(left)
  t.match(standIn.calls(), { total: 1, calls: [{ status: 0, count: 1 }] })
})

t.test('the control stays well whatever the fault', async (t) => {
  const { standIn, ask, setFault } = await open(t)
  for (const kind of ['refuse', 'stall', 'rate_limit', 'oversize']) {
    t.strictSame(await (await setFault(kind, 3000)).json(), { kind, latencyMs: 3000 })
    t.strictSame(await (await ask('GET', '/__control/fault')).json(), { kind, latencyMs: 3000 })
  }
  t.equal(standIn.calls().total, 0)
  t.strictSame(await (await ask('DELETE', '/__control/fault')).json(), { kind: 'none', latencyMs: 0 })
})

t.test('a fault that does not exist is refused with the list of those that do', async (t) => {
  const { ask, setFault } = await open(t)
  const response = await setFault('earthquake')
  t.equal(response.status, 422)
  t.match(await response.json(), { error: { message: /^kind must be one of none, refuse, reset/ } })
  for (const body of [{}, '', '[]', { kind: 'none', latencyMs: -1 }, { kind: 'none', latencyMs: 'soon' }]) {
    t.equal((await ask('PUT', '/__control/fault', body)).status, 422)
  }
  t.equal((await ask('PUT', '/__control/fault', '{')).status, 400)
})
