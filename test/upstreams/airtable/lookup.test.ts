import t, { type Test } from 'tap'
import { Value } from 'typebox/value'
import type { CanonicalEmail } from '../../../domain/email.ts'
import { AirtableEnv } from '../../../upstreams/airtable/env.ts'
import airtable from '../../../upstreams/airtable/index.ts'
import { type ClientOptions, openClient, token } from './called.ts'

/** Asks the stand-in by the lookup that the rest of the house would get. */
async function openLookup(t: Test, options: ClientOptions = {}, columns?: Record<string, string>) {
  const { context, apiUrl, standIn, logged } = await openClient(t, options)
  const env = Value.Parse(
    AirtableEnv,
    Value.Default(AirtableEnv, {
      AIRTABLE_TOKEN: token,
      AIRTABLE_BASE_ID: standIn.baseId,
      AIRTABLE_TABLE: 'Users',
      AIRTABLE_API_URL: apiUrl,
      ...(columns && { AIRTABLE_FIELDS: columns }),
    }),
  )
  const { lookup } = airtable.create(env, context)
  if (!lookup) throw new Error('Airtable has no lookup.')
  const find = (emails: string[], externalIds: string[] = []) =>
    lookup.find(() => ({ emails: emails as CanonicalEmail[], externalIds }))
  return { standIn, lookup, find, logged, context }
}

t.test(
  'everybody of the sandbox is found by their canonical address, capitals and apostrophe or not',
  async (t) => {
    const { find } = await openLookup(t)
    const expected = {
      'ada@example.com': { name: 'Ada Lovelace', status: 'active', role: 'admin' },
      'grace@example.com': { email: 'Grace@Example.com', status: 'active' },
      'alan@example.com': { passwordHash: null, status: 'active' },
      'edsger@example.com': { status: 'disabled' },
      "o'brien@example.com": { status: 'active' },
    }
    for (const [email, fields] of Object.entries(expected)) {
      const found = await find([email])
      t.match(found, [{ upstream: 'airtable', created: false, fields }], email)
      t.equal(found.length, 1)
    }
    t.equal((await find(Object.keys(expected))).length, 5)
  },
)

t.test('two records with one address are both told, for nobody here may guess', async (t) => {
  const { find } = await openLookup(t)
  t.equal((await find(['twin@example.com'])).length, 2)
})

t.test('a person is found by the id of the record, and nobody by an address that is not there', async (t) => {
  const { find } = await openLookup(t)
  t.match(await find([], ['recAdaLovelace001']), [{ externalId: 'recAdaLovelace001' }])
  t.strictSame(await find(['nobody@example.com'], ['recNobody00000000']), [])
})

t.test('an answer that was not asked for is dropped', async (t) => {
  const { lookup } = await openLookup(t, {
    http: async () => ({
      status: 200,
      headers: {},
      body: JSON.stringify({
        records: [
          { id: 'recAAAAAAAAAAAAAA', fields: { Email: 'eve@example.com' } },
          { id: 'recBBBBBBBBBBBBBB', fields: { Email: 'not an address' } },
          { id: 'recCCCCCCCCCCCCCC', fields: { Email: 'ADA@example.com' } },
        ],
      }),
    }),
  })
  const found = await lookup.find(() => ({
    emails: ['ada@example.com' as CanonicalEmail],
    externalIds: ['recBBBBBBBBBBBBBB'],
  }))
  t.strictSame(
    found.map(({ externalId }) => externalId),
    ['recBBBBBBBBBBBBBB', 'recCCCCCCCCCCCCCC'],
    'one that was asked for by its id counts without an address, too',
  )
})

t.test(
  'without a question there is no call, and the question is asked for when the turn has come',
  async (t) => {
    const { lookup, standIn } = await openLookup(t)
    t.strictSame(await lookup.find(() => undefined), [])
    t.equal(standIn.calls().total, 0)
  },
)

t.test('ninety addresses fit into one call', async (t) => {
  const { lookup, find, standIn } = await openLookup(t)
  const emails = Array.from(
    { length: lookup.batchSize - 1 },
    (_, index) => `${'x'.repeat(200)}${index}@example.com`,
  )
  t.match(await find([...emails, 'ada@example.com']), [{ externalId: 'recAdaLovelace001' }])
  t.equal(standIn.calls().total, 1)
})

t.test('a fault is FL_UPSTREAM_UNAVAILABLE and never an empty answer', async (t) => {
  const { find, standIn } = await openLookup(t)
  for (const kind of ['error_500', 'malformed', 'forbidden', 'unauthorized'] as const) {
    standIn.setFault({ kind })
    await t.rejects(find(['ada@example.com']), { code: 'FL_UPSTREAM_UNAVAILABLE' }, kind)
  }
})

const byId = {
  email: 'fldUsersEmail0001',
  name: 'fldUsersName00001',
  status: 'fldUsersStatus001',
  role: 'fldUsersRole00001',
  passwordHash: 'fldUsersPassHash1',
  modifiedAt: 'fldUsersModified1',
}

t.test('columns named by their ids are read as those named by their names', async (t) => {
  const { find } = await openLookup(t)
  const { find: findById } = await openLookup(t, {}, byId)
  const everyone = ['ada@example.com', 'grace@example.com', 'edsger@example.com', "o'brien@example.com"]
  const read = async (look: typeof find) =>
    (await look(everyone)).map(({ externalId, fields, stamp }) => ({ externalId, fields, at: stamp.at }))
  t.strictSame(await read(findById), await read(find))
  t.match((await findById(['edsger@example.com']))[0]?.fields, { status: 'disabled' })
})

t.test(
  'a column that the table does not have is named in the log, and no record is read without it',
  async (t) => {
    for (const [columns, missing] of [
      [{ email: 'Email', status: 'State' }, 'State'],
      [{ email: 'E-Mail Address', status: 'Status' }, 'E-Mail Address'],
      [{ ...byId, status: 'fldUsersStatus999' }, 'fldUsersStatus999'],
    ] as const) {
      const { find, logged } = await openLookup(t, {}, columns)
      await t.rejects(find(['edsger@example.com']), { code: 'FL_UPSTREAM_UNAVAILABLE' })
      t.match(logged, [{ event: 'airtable.failed', reason: `the table has no column "${missing}"` }])
    }
  },
)
