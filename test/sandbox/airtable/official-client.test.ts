import Airtable from 'airtable'
import t, { type Test } from 'tap'
import { open, token } from './opened.ts'

const records = Array.from({ length: 250 }, (_, i) => ({
  fields: { Email: `person${i}@example.com`, Name: i % 2 === 0 ? 'Even' : 'Odd' },
}))

async function openClient(t: Test) {
  const opened = await open(t, { records, rateLimit: false })
  const client = new Airtable({ apiKey: token, endpointUrl: opened.url, noRetryIfRateLimited: true })
  return { ...opened, users: client.base(opened.standIn.baseId)('Users') }
}

t.test('the official client pages through 250 records', async (t) => {
  const { standIn, users } = await openClient(t)
  const pages: number[] = []
  await users.select().eachPage((page, next) => {
    pages.push(page.length)
    next()
  })
  t.strictSame(pages, [100, 100, 50])
  t.equal(standIn.calls().total, 3)
})

t.test('the official client filters, sorts and projects', async (t) => {
  const { users } = await openClient(t)
  const found = await users
    .select({
      filterByFormula: "AND({Name} = 'Odd', FIND('person1', {Email}))",
      sort: [{ field: 'Email', direction: 'desc' }],
      fields: ['Email'],
      maxRecords: 2,
    })
    .all()
  t.strictSame(
    found.map(({ fields }) => fields),
    [{ Email: 'person1@example.com' }, { Email: 'person19@example.com' }],
  )
})

t.test('the official client changes to POST for a long formula, and pages there too', async (t) => {
  const { standIn, users } = await openClient(t)
  const many = Array.from({ length: 500 }, (_, i) => `{Email} = 'person${i}@example.com'`)
  const found = await users.select({ filterByFormula: `OR(${many.join(',')})` }).all()
  t.equal(found.length, 250)
  t.match(standIn.calls().calls, [{ method: 'POST', path: /\/Users\/listRecords$/, status: 200, count: 3 }])
})

t.test('the official client creates, finds, updates, replaces and destroys', async (t) => {
  const { users } = await openClient(t)
  const created = await users.create({ Email: 'one@example.com', Name: 'One' })
  t.equal((await users.find(created.id)).get('Email'), 'one@example.com')
  t.strictSame((await users.update(created.id, { Name: 'First' })).get('Email'), 'one@example.com')
  t.equal((await users.replace(created.id, { Name: 'Only' })).get('Email'), undefined)
  t.equal((await users.destroy(created.id)).id, created.id)

  const several = await users.create([{ fields: { Name: 'a' } }, { fields: { Name: 'b' } }])
  const updated = await users.update(several.map(({ id }) => ({ id, fields: { Name: 'c' } })))
  t.strictSame(
    updated.map((record) => record.get('Name')),
    ['c', 'c'],
  )
  t.equal((await users.destroy(several.map(({ id }) => id))).length, 2)
})

t.test('the official client understands every error', async (t) => {
  const { standIn, url, users, setFault } = await openClient(t)
  t.match(await failureOf(users.find('recNoSuchRecord01')), { statusCode: 404 })
  const torn = users.select({ filterByFormula: "'" }).all()
  t.match(await failureOf(torn), { error: 'INVALID_FILTER_BY_FORMULA', statusCode: 422 })
  t.match(await failureOf(users.create({ Nope: 'x' })), { error: 'UNKNOWN_FIELD_NAME', statusCode: 422 })
  const stranger = new Airtable({ apiKey: 'patWrong.wrong', endpointUrl: url }).base(standIn.baseId)('Users')
  t.match(await failureOf(stranger.select().all()), { error: 'AUTHENTICATION_REQUIRED', statusCode: 401 })

  for (const [kind, error, statusCode] of [
    ['forbidden', 'NOT_AUTHORIZED', 403],
    ['quota', 'TOO_MANY_REQUESTS', 429],
    ['error_500', 'SERVER_ERROR', 500],
  ] as const) {
    await setFault(kind)
    t.match(await failureOf(users.select().all()), { error, statusCode })
  }
})

// The client's errors are not instances of Error, which t.rejects would want.
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}
