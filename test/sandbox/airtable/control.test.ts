import t from 'tap'
import { createHandClock, open } from './opened.ts'

t.test(
  'GET /__control/calls counts calls by method, path and status, until DELETE forgets them',
  async (t) => {
    const { users, ask } = await open(t, { rateLimit: false })
    await ask('GET', `${users}?maxRecords=1`)
    await ask('GET', `${users}?maxRecords=2`)
    await ask('POST', `${users}/listRecords`, { filterByFormula: '{Nope}' })
    t.strictSame(await (await ask('GET', '/__control/calls')).json(), {
      total: 3,
      peakPerSecond: 3,
      calls: [
        { method: 'GET', path: users, status: 200, count: 2 },
        { method: 'POST', path: `${users}/listRecords`, status: 422, count: 1 },
      ],
    })
    t.equal((await ask('DELETE', '/__control/calls')).status, 204)
    t.strictSame(await (await ask('GET', '/__control/calls')).json(), {
      total: 0,
      peakPerSecond: 0,
      calls: [],
    })
  },
)

t.test('PUT /__control/records/:id creates and changes a record as a user of Airtable would', async (t) => {
  const clock = createHandClock()
  const { standIn, users, ask } = await open(t, { clock })
  const path = '/__control/records/recNewPerson00001'
  const created = await ask('PUT', path, { fields: { Email: 'new@example.com', Name: 'New' } })
  t.equal(created.status, 200)
  clock.advance(60_000)
  await ask('PUT', path, { Status: 'Disabled', Name: null })
  t.strictSame(await (await ask('GET', `${users}/recNewPerson00001`)).json(), {
    id: 'recNewPerson00001',
    createdTime: '2026-11-20T10:00:00.000Z',
    fields: { Email: 'new@example.com', Status: 'Disabled', 'Last Modified': '2026-11-20T10:01:00.000Z' },
  })
  t.equal(standIn.calls().total, 1)
})

t.test('the time of a change can be given, to make news that is old', async (t) => {
  const { ask } = await open(t)
  const fields = { Name: 'Ada King', 'Last Modified': '2020-01-01T00:00:00.000Z' }
  const answer = await ask('PUT', '/__control/records/recAdaLovelace001', { fields })
  t.match(await answer.json(), { fields: { Name: 'Ada King', 'Last Modified': '2020-01-01T00:00:00.000Z' } })
})

t.test('DELETE /__control/records/:id deletes the record', async (t) => {
  const { users, ask } = await open(t)
  const path = '/__control/records/recAdaLovelace001'
  t.strictSame(await (await ask('DELETE', path)).json(), { id: 'recAdaLovelace001', deleted: true })
  t.equal((await ask('DELETE', path)).status, 404)
  t.equal((await ask('GET', `${users}/recAdaLovelace001`)).status, 404)
})

t.test('GET /__control/records lists everybody', async (t) => {
  const { ask } = await open(t)
  t.match(await (await ask('GET', '/__control/records')).json(), {
    records: [{ fields: { Email: 'ada@example.com' } }],
  })
})

t.test('a column, an id or a time that cannot be is refused with a clear message', async (t) => {
  const { ask } = await open(t)
  const put = async (id: string, body: unknown) => {
    const response = await ask('PUT', `/__control/records/${id}`, body)
    t.equal(response.status, 422)
    return response.json()
  }
  t.match(await put('recAda', { Emial: 'x' }), { error: { message: 'Unknown field name: "Emial"' } })
  t.match(await put('ada', { Email: 'x' }), { error: { message: /record id/ } })
  t.match(await put('recAda', { Email: 7 }), { error: { type: 'INVALID_VALUE_FOR_COLUMN' } })
  t.match(await put('recAda', { 'Last Modified': 'now' }), { error: { message: /ISO time/ } })
  t.match(await put('recAda', []), { error: { message: /Send/ } })
})

t.test('the mailbox shows what was mailed, newest first, and can be emptied', async (t) => {
  const { standIn, ask } = await open(t, { clock: createHandClock() })
  t.strictSame(await (await ask('GET', '/__mailbox')).json(), { messages: [] })
  standIn.mailbox.add({ to: 'ada@example.com', subject: 'First', text: 'one' })
  standIn.mailbox.add({ to: 'ada@example.com', subject: 'Second', text: 'two' })
  t.match(await (await ask('GET', '/__mailbox')).json(), {
    messages: [{ subject: 'Second', receivedAt: '2026-11-20T10:00:00.000Z' }, { subject: 'First' }],
  })
  t.equal((await ask('DELETE', '/__mailbox')).status, 204)
  t.strictSame(standIn.mailbox.list(), [])
})
