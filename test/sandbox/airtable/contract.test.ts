import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { injectionCorpus, quote } from './quote.ts'
import { createCaller, idsOf, listingOf, realTarget, standInTarget, type Target } from './target.ts'

// The same promises are kept by the stand-in and by Airtable: set AIRTABLE_CONTRACT_TOKEN, AIRTABLE_CONTRACT_BASE_ID and
// AIRTABLE_CONTRACT_TABLE to hold a real base to them. The tests delete what they create.
const real = realTarget(process.env)
for (const target of [await standInTarget(), ...(real ? [real] : [])]) {
  t.test(`the contract with ${target.name}`, { timeout: 300_000 }, async (t) => {
    t.teardown(target.close)
    await keepsTheContract(t, target)
  })
}

async function keepsTheContract(t: Test, target: Target): Promise<void> {
  const { tablePath, call, list, create, remove } = createCaller(target)
  const run = randomUUID()
  const email = (name: string) => `${name}+${run}@example.com`
  const ofThisRun = `FIND(${quote(run)}, {Email})`

  const corpus = injectionCorpus.slice(0, 9)
  const [ada, capitals, third] = await create(
    { Email: email('ada'), Name: 'Ada' },
    { Email: email('ADA'), Name: '' },
    { Email: email('third'), Name: 'Third' },
  )
  if (!ada || !capitals || !third) throw new Error('The target did not create three records.')
  const ids = [ada.id, capitals.id, third.id]
  t.teardown(() => remove(ids))

  t.test('a token is required, and it must be known', async (t) => {
    const bare = await call('GET', tablePath, undefined, { authorization: '' })
    t.equal(bare.status, 401)
    t.match(bare.body, { error: { type: 'AUTHENTICATION_REQUIRED' } })
    const wrong = await call('GET', tablePath, undefined, { authorization: 'Bearer patWrong.wrong' })
    t.equal(wrong.status, 401)
  })

  t.test('a token can be checked without touching a base', async (t) => {
    const answer = await call('GET', '/v0/meta/whoami')
    t.equal(answer.status, 200)
    t.match(answer.body, { id: /^usr[A-Za-z0-9]{14}$/ })
  })

  t.test('an unknown base, and an unknown table id, look like a lack of permission', async (t) => {
    for (const path of ['/v0/appNoSuchBase0001/Users', `/v0/${target.baseId}/tblNoSuchTable001`]) {
      const answer = await call('GET', path)
      t.equal(answer.status, 403)
      t.match(answer.body, { error: { type: 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND' } })
    }
  })

  t.test('an unknown table name is refused', async (t) => {
    const answer = await call('GET', `/v0/${target.baseId}/No%20such%20table`)
    t.ok([403, 404].includes(answer.status))
  })

  t.test('a malformed base id answers the bare error', async (t) => {
    const answer = await call('GET', '/v0/nonsense/Users')
    t.equal(answer.status, 404)
    t.strictSame(answer.body, { error: 'NOT_FOUND' })
  })

  t.test('a record has an id, a whole second of creation, and no empty cells', async (t) => {
    const { body } = await call('GET', `${tablePath}/${capitals.id}`)
    t.match(body, { id: /^rec[A-Za-z0-9]{14}$/, createdTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/ })
    t.match(body, { fields: { Email: email('ADA') } })
    t.notOk(Object.hasOwn(capitals.fields, 'Name'))
  })

  t.test('a record that is not there is 404', async (t) => {
    t.equal((await call('GET', `${tablePath}/recNoSuchRecord01`)).status, 404)
  })

  t.test('= minds capitals, LOWER() does not', async (t) => {
    const exact = await list({ filterByFormula: `{Email} = ${quote(email('ada'))}` })
    t.strictSame(idsOf(exact), [ada.id])
    const lower = await list({ filterByFormula: `LOWER({Email}) = ${quote(email('ada'))}` })
    t.strictSame(new Set(idsOf(lower)), new Set([ada.id, capitals.id]))
  })

  t.test('GET takes the same options as POST listRecords, spelled in the query', async (t) => {
    const query = new URLSearchParams({ filterByFormula: ofThisRun, maxRecords: '2', 'fields[]': 'Name' })
    query.append('sort[0][field]', 'Email')
    query.append('sort[0][direction]', 'desc')
    const { body } = await call('GET', `${tablePath}?${query}`)
    const options = {
      filterByFormula: ofThisRun,
      maxRecords: 2,
      fields: ['Name'],
      sort: [{ field: 'Email', direction: 'desc' }],
    }
    const posted = await list(options)
    t.strictSame(body, posted)
    t.equal(posted.records.length, 2)
    t.strictSame(posted.records[0]?.fields, { Name: 'Third' })
  })

  t.test('a listing is paged by an opaque offset, in the query of GET', async (t) => {
    const seen: string[] = []
    let offset: string | undefined
    do {
      const query = new URLSearchParams({
        filterByFormula: ofThisRun,
        pageSize: '2',
        ...(offset ? { offset } : {}),
      })
      const { body } = await call('GET', `${tablePath}?${query}`)
      const page = listingOf(body)
      seen.push(...idsOf(page))
      offset = page.offset
    } while (offset !== undefined)
    t.strictSame(new Set(seen), new Set(ids))
    t.equal(seen.length, 3)
  })

  t.test('the offset of POST listRecords goes into the body; one in the query is ignored', async (t) => {
    const options = { filterByFormula: ofThisRun, pageSize: 2 }
    const first = await list(options)
    t.match(first.offset, /^itr[A-Za-z0-9]{14}\/rec[A-Za-z0-9]{14}$/)
    const again = await call('POST', `${tablePath}/listRecords?offset=${first.offset}`, options)
    t.strictSame(idsOf(listingOf(again.body)), idsOf(first))
    const second = await list({ ...options, offset: first.offset })
    t.equal(second.records.length, 1)
    t.equal(second.offset, undefined)
  })

  t.test('an offset that is a number is refused', async (t) => {
    const answer = await call('GET', `${tablePath}?offset=10`)
    t.equal(answer.status, 422)
    t.match(answer.body, {
      error: { type: 'INVALID_OFFSET_VALUE', message: 'The value of offset 10 is invalid' },
    })
  })

  t.test('a page size outside 1 to 100 is refused', async (t) => {
    for (const pageSize of [0, 101])
      t.equal((await call('GET', `${tablePath}?pageSize=${pageSize}`)).status, 422)
  })

  t.test('an unknown field among the wanted ones is refused by name', async (t) => {
    const answer = await call('POST', `${tablePath}/listRecords`, { fields: ['No such field'] })
    t.equal(answer.status, 422)
    t.match(answer.body, {
      error: { type: 'UNKNOWN_FIELD_NAME', message: 'Unknown field name: "No such field"' },
    })
  })

  t.test('a formula that is not one, or asks for an unknown field, is refused', async (t) => {
    const torn = await call('POST', `${tablePath}/listRecords`, { filterByFormula: "{Email} = '" })
    t.equal(torn.status, 422)
    t.match(torn.body, {
      error: {
        type: 'INVALID_FILTER_BY_FORMULA',
        message:
          'The formula for filtering records is invalid: Invalid formula. Please check your formula text.',
      },
    })
    const lost = await call('POST', `${tablePath}/listRecords`, { filterByFormula: '{Nowhere} = 1' })
    t.equal(lost.status, 422)
    t.match(lost.body, {
      error: { type: 'INVALID_FILTER_BY_FORMULA', message: /unknown field names: nowhere/i },
    })
  })

  t.test('field ids serve in place of names: as keys, in projections and in formulas', async (t) => {
    const { records } = await list({
      filterByFormula: `RECORD_ID() = '${ada.id}'`,
      returnFieldsByFieldId: true,
    })
    const fields = records[0]?.fields ?? {}
    const emailId = Object.keys(fields).find((id) => fields[id] === email('ada'))
    t.match(emailId, /^fld[A-Za-z0-9]{14}$/)
    const found = await list({
      filterByFormula: `{${emailId}} = ${quote(email('ada'))}`,
      fields: [emailId],
      returnFieldsByFieldId: true,
    })
    t.strictSame(
      found.records.map((record) => record.fields),
      [{ [emailId ?? '']: email('ada') }],
    )
  })

  t.test('text that was quoted by the two-step escape finds itself and nothing else', async (t) => {
    const created = await create(...corpus.map((Name) => ({ Email: email('corpus'), Name })))
    ids.push(...created.map(({ id }) => id))
    for (const [index, text] of corpus.entries()) {
      const found = await list({ filterByFormula: `AND(${ofThisRun}, {Name} = ${quote(text, '"')})` })
      t.strictSame(idsOf(found), [created[index]?.id], text)
    }
  })

  t.test('PATCH leaves the other cells alone, PUT empties them', async (t) => {
    const patched = await call('PATCH', `${tablePath}/${third.id}`, { fields: { Name: 'Patched' } })
    t.match(patched.body, { id: third.id, fields: { Email: email('third'), Name: 'Patched' } })
    const body = { records: [{ id: third.id, fields: { Email: email('third') } }] }
    const put = await call('PUT', tablePath, body)
    t.equal(put.status, 200)
    t.strictSame(Object.hasOwn(listingOf(put.body).records[0]?.fields ?? {}, 'Name'), false)
  })

  t.test('an upsert creates whom it does not find, and says which', async (t) => {
    const records = [
      { fields: { Email: email('ada'), Name: 'Ada L.' } },
      { fields: { Email: email('new'), Name: 'New' } },
    ]
    const performUpsert = { fieldsToMergeOn: ['Email'] }
    const answer = await call('PATCH', tablePath, { records, performUpsert })
    const [, created] = listingOf(answer.body).records
    if (created) ids.push(created.id)
    t.match(answer.body, { updatedRecords: [ada.id], createdRecords: [created?.id] })
  })

  t.test('more than ten records at once are refused, and none is written', async (t) => {
    const records = Array.from({ length: 11 }, () => ({ fields: { Email: email('eleven') } }))
    t.equal((await call('POST', tablePath, { records })).status, 422)
    t.strictSame((await list({ filterByFormula: `{Email} = ${quote(email('eleven'))}` })).records, [])
  })

  t.test('a body that is not JSON is refused', async (t) => {
    const answer = await call('POST', `${tablePath}/listRecords`, '{"maxRecords": ')
    t.ok([400, 422].includes(answer.status))
  })

  t.test(
    'an address of more than 16,000 characters is refused, the same question by POST is not',
    async (t) => {
      const formula = `{Email} = ${quote('x'.repeat(16_000))}`
      const answer = await call('GET', `${tablePath}?filterByFormula=${encodeURIComponent(formula)}`).catch(
        () => undefined,
      )
      t.ok(answer === undefined || answer.status >= 400)
      t.strictSame((await list({ filterByFormula: formula })).records, [])
    },
  )

  t.test('answers are compressed for whoever accepts it', async (t) => {
    const answer = await call('GET', `${tablePath}?maxRecords=1`, undefined, { 'accept-encoding': 'gzip' })
    t.equal(answer.headers.get('content-encoding'), 'gzip')
  })

  t.test('webhooks are listed with their state, to a token that may manage them', async (t) => {
    const answer = await call('GET', `/v0/bases/${target.baseId}/webhooks`)
    t.ok([200, 403].includes(answer.status))
    if (answer.status === 200) t.match(answer.body, { webhooks: Array })
    const lost = await call('GET', `/v0/bases/${target.baseId}/webhooks/achNoSuchWebhook1/payloads`)
    t.ok([403, 404].includes(lost.status))
  })

  t.test('records are deleted one by one or together, and are gone then', async (t) => {
    const created = await create({ Email: email('a') }, { Email: email('b') }, { Email: email('c') })
    const [a, b, c] = created.map(({ id }) => id)
    t.match((await call('DELETE', `${tablePath}/${a}`)).body, { id: a, deleted: true })
    const answer = await call('DELETE', `${tablePath}?records[]=${b}&records[]=${c}`)
    t.match(answer.body, {
      records: [
        { id: b, deleted: true },
        { id: c, deleted: true },
      ],
    })
    t.equal((await call('GET', `${tablePath}/${b}`)).status, 404)
  })
}
