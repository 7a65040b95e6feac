import t from 'tap'
import type { Field } from '../../../sandbox/airtable/fields.ts'
import { openHooks, week } from './hooked.ts'
import { createHandClock } from './opened.ts'
import { recordOf } from './target.ts'

const users = 'tblSandboxUsers01'
const ada = 'recAdaLovelace001'
const email = 'fldUsersEmail0001'
const name = 'fldUsersName00001'
const status = 'fldUsersStatus001'

const teams = {
  id: 'tblTeams000000001',
  name: 'Teams',
  fields: [{ id: 'fldTeamName000001', name: 'Name', type: 'singleLineText' as const }],
  records: [{ id: 'recTeamCompilers1', fields: { Name: 'Compilers' } }],
}

t.test('a webhook tells its secret once, and lists everything else for ever', async (t) => {
  const { ask, hooks, register } = await openHooks(t, { clock: createHandClock(), pingOnCreate: false })
  const notificationUrl = 'http://127.0.0.1:9/ping'
  const created = await register({ recordChangeScope: users }, { notificationUrl })
  t.match(created, { id: /^ach[A-Za-z0-9]{14}$/, expirationTime: '2026-11-27T10:00:00.000Z' })
  t.equal(Buffer.from(created.macSecretBase64, 'base64').length, 64)
  t.strictSame(await (await ask('GET', hooks)).json(), {
    webhooks: [
      {
        id: created.id,
        specification: { options: { filters: { dataTypes: ['tableData'], recordChangeScope: users } } },
        notificationUrl,
        cursorForNextPayload: 1,
        lastNotificationResult: null,
        areNotificationsEnabled: true,
        lastSuccessfulNotificationTime: null,
        isHookEnabled: true,
        expirationTime: '2026-11-27T10:00:00.000Z',
      },
    ],
  })
})

t.test('a webhook without a URL notifies nobody, and cannot be made to', async (t) => {
  const { ask, hooks, standIn, register } = await openHooks(t)
  const { id } = await register({})
  t.match(standIn.webhooks.list(), [{ notificationUrl: null, areNotificationsEnabled: false }])
  t.equal((await ask('POST', `${hooks}/${id}/enableNotifications`, { enable: true })).status, 422)
  t.equal((await ask('POST', `${hooks}/${id}/enableNotifications`, { enable: 'yes' })).status, 422)
})

t.test('an order that is incomplete, or names what is not there, is refused', async (t) => {
  const { ask, hooks, post } = await openHooks(t)
  t.equal((await ask('POST', hooks, { notificationUrl: 'https://example.com' })).status, 422)
  t.equal((await post({ dataTypes: [] })).status, 422)
  t.equal((await post({ changeTypes: ['rename'] })).status, 422)
  t.equal((await post({ recordChangeScope: 'tblNoSuchTable001' })).status, 422)
  t.equal((await post({ watchDataInFieldIds: ['fldNoSuchField001'] })).status, 422)
  t.equal((await post({}, { notificationUrl: 'example.com' })).status, 422)
})

t.test('a base has at most ten webhooks', async (t) => {
  const { ask, hooks, post, register } = await openHooks(t)
  const { id } = await register({})
  for (let i = 0; i < 9; i += 1) await register({})
  const eleventh = await post({})
  t.equal(eleventh.status, 422)
  t.match(await eleventh.json(), { error: { type: 'TOO_MANY_WEBHOOKS_IN_BASE' } })
  t.equal((await ask('DELETE', `${hooks}/${id}`)).status, 200)
  t.equal((await post({})).status, 200)
})

t.test('a webhook that was deleted, by whomever, is not there', async (t) => {
  const { ask, hooks, standIn, register } = await openHooks(t)
  const mine = await register({})
  const theirs = await register({})
  const answer = await ask('DELETE', `${hooks}/${mine.id}`)
  t.equal(await answer.text(), '')
  standIn.webhooks.drop(theirs.id)
  for (const { id } of [mine, theirs]) {
    t.equal((await ask('DELETE', `${hooks}/${id}`)).status, 404)
    t.equal((await ask('GET', `${hooks}/${id}/payloads`)).status, 404)
    t.equal((await ask('POST', `${hooks}/${id}/refresh`)).status, 404)
  }
  t.throws(() => standIn.webhooks.ping(mine.id))
})

t.test('webhooks are guarded as records are: by tokens, the limit, faults and the call book', async (t) => {
  const limit = { perSecond: 5, penaltyMs: 30_000 }
  const clock = createHandClock()
  const { standIn, url, users, ask, hooks, setFault } = await openHooks(t, {
    clock,
    rateLimit: limit,
    otherTokens: ['patGuest.guest'],
  })
  const as = (token: string) => fetch(url + hooks, { headers: { authorization: `Bearer ${token}` } })
  t.equal((await as('patStranger')).status, 401)
  t.equal((await as('patGuest.guest')).status, 403)
  t.equal((await ask('GET', '/v0/bases/appNoSuchBase0001/webhooks')).status, 403)
  t.equal((await ask('GET', '/v0/bases/nonsense/webhooks')).status, 404)
  for (const path of [hooks, users, hooks, users]) t.equal((await ask('GET', path)).status, 200)
  t.equal((await ask('GET', hooks)).status, 429)
  clock.advance(30_000)
  await setFault('error_500')
  t.equal((await ask('GET', hooks)).status, 500)
  t.match(standIn.calls().calls, [{ path: hooks, status: 401, count: 1 }])
})

t.test(
  'a user’s edit is a payload: field ids, only the cells that changed, choices as objects',
  async (t) => {
    const clock = createHandClock()
    const { standIn, read, register } = await openHooks(t, { clock })
    const { id } = await register({})
    standIn.records.put(ada, { Status: 'Disabled', Name: null, Role: 'Admin' })
    t.match(await read(id), {
      payloads: [
        {
          timestamp: '2026-11-20T10:00:00.000Z',
          baseTransactionNumber: 1,
          actionMetadata: {
            source: 'client',
            sourceMetadata: { user: { id: /^usr/, name: 'Olga Owner', email: 'owner@example.com' } },
          },
          payloadFormat: 'v0',
        },
      ],
      cursor: 2,
      mightHaveMore: false,
    })
    const cellValuesByFieldId = {
      [name]: null,
      [status]: { id: /^sel[a-z0-9]{14}$/, name: 'Disabled', color: /^\w+$/ },
    }
    const { payloads } = await read(id)
    t.match(payloads[0]?.['changedTablesById'], {
      [users]: { changedRecordsById: { [ada]: { current: { cellValuesByFieldId } } } },
    })
    t.notMatch(JSON.stringify(payloads), /Password|fldUsersRole|previous/)
  },
)

t.test('created and deleted records are told, by the control routes too', async (t) => {
  const { ask, read, register } = await openHooks(t, { clock: createHandClock() })
  const { id } = await register({})
  const path = '/__control/records/recNewPerson00001'
  await ask('PUT', path, { fields: { Email: 'new@example.com' } })
  await ask('PUT', path, { fields: { Email: 'new@example.com' } })
  await ask('DELETE', path)
  await ask('DELETE', path)
  const { payloads } = await read(id)
  t.strictSame(
    payloads.map((payload) => payload['changedTablesById']),
    [
      {
        [users]: {
          createdRecordsById: {
            recNewPerson00001: {
              createdTime: '2026-11-20T10:00:00.000Z',
              cellValuesByFieldId: { [email]: 'new@example.com' },
            },
          },
        },
      },
      { [users]: { destroyedRecordIds: ['recNewPerson00001'] } },
    ],
  )
})

t.test('a request to the API is one action, whatever it does to however many records', async (t) => {
  const { ask, read, register, users: table } = await openHooks(t)
  const { id } = await register({})
  const fields = { Email: 'upsert@example.com' }
  const records = [{ id: ada, fields: { Name: 'A.' } }, { fields }]
  const performUpsert = { fieldsToMergeOn: ['Email'] }
  t.equal((await ask('PATCH', table, { records, performUpsert })).status, 200)
  const made = recordOf(await (await ask('POST', table, { fields })).json())
  await ask('PUT', `${table}/${made.id}`, { fields: { Name: 'Put' } })
  await ask('PATCH', `${table}/${made.id}`, { fields: { Name: 'Put' } })
  await ask('DELETE', `${table}/${made.id}`)
  await ask('DELETE', `${table}?records[]=${ada}&records[]=recAlanTuring0001`)
  t.match((await read(id)).payloads, [
    {
      baseTransactionNumber: 1,
      actionMetadata: { source: 'publicApi' },
      changedTablesById: { [users]: { changedRecordsById: { [ada]: {} }, createdRecordsById: {} } },
    },
    { changedTablesById: { [users]: { createdRecordsById: { [made.id]: {} } } } },
    { changedTablesById: { [users]: { changedRecordsById: { [made.id]: {} } } } },
    { changedTablesById: { [users]: { destroyedRecordIds: [made.id] } } },
    { changedTablesById: { [users]: { destroyedRecordIds: [ada, 'recAlanTuring0001'] } } },
  ])
  t.equal((await read(id)).payloads.length, 5)
})

t.test('an action can be split over payloads that share everything but their records', async (t) => {
  const { ask, read, register, users: table } = await openHooks(t, { recordsPerPayload: 2 })
  const { id } = await register({})
  const records = ['a', 'b', 'c', 'd', 'e'].map((Name) => ({ fields: { Name } }))
  await ask('POST', table, { records })
  const { payloads, cursor } = await read(id)
  t.equal(cursor, 4)
  const shared = payloads.map((payload) => ({ ...payload, changedTablesById: undefined }))
  t.strictSame(shared, [shared[0], shared[0], shared[0]])
  const text = payloads.map(({ changedTablesById }) => JSON.stringify(changedTablesById))
  t.strictSame(
    text.map((part) => part.match(/"rec\w+":/g)?.length),
    [2, 2, 1],
  )
})

t.test('a webhook hears only of its table, its changes, its sources and its columns', async (t) => {
  const { ask, standIn, read, register } = await openHooks(t, { otherTables: [teams] })
  const everything = await register({})
  const ofUsers = await register({ recordChangeScope: users })
  const removals = await register({ changeTypes: ['remove'] })
  const byHand = await register({ fromSources: ['client'] })
  const names = await register({ watchDataInFieldIds: [name] })
  const schema = await register({ dataTypes: ['tableFields'] })

  await ask('PATCH', `/v0/${standIn.baseId}/Teams/recTeamCompilers1`, { fields: { Name: 'Bugs' } })
  standIn.records.put(ada, { Email: 'countess@example.com', Name: 'Ada King' })
  standIn.records.put(ada, { Email: 'ada@example.com' })
  standIn.records.remove(ada)

  const numbers = async ({ id }: { id: string }) =>
    (await read(id)).payloads.map((payload) => payload['baseTransactionNumber'])
  t.strictSame(await numbers(everything), [1, 2, 3, 4])
  t.strictSame(await numbers(ofUsers), [2, 3, 4])
  t.strictSame(await numbers(removals), [4])
  t.strictSame(await numbers(byHand), [2, 3, 4])
  t.strictSame(await numbers(names), [2, 4])
  t.strictSame(await numbers(schema), [])
  t.notMatch(JSON.stringify(await read(names.id)), email)
})

t.test('previous and unchanged cells come along if they were ordered', async (t) => {
  const { standIn, read, register } = await openHooks(t)
  const includes = { includePreviousCellValues: true, includeCellValuesInFieldIds: [email] }
  const { id } = await register({}, { includes })
  standIn.records.put(ada, { Name: 'Ada King' })
  t.match((await read(id)).payloads[0]?.['changedTablesById'], {
    [users]: {
      changedRecordsById: {
        [ada]: {
          current: { cellValuesByFieldId: { [name]: 'Ada King' } },
          previous: { cellValuesByFieldId: { [name]: 'Ada Lovelace' } },
          unchanged: { cellValuesByFieldId: { [email]: 'ada@example.com' } },
        },
      },
    },
  })
})

t.test('lists of choices, links and lookups have shapes of their own', async (t) => {
  const fields: Field[] = [
    { id: 'fldTags0000000001', name: 'Tags', type: 'multipleSelects' },
    { id: 'fldTeams000000001', name: 'Teams', type: 'multipleRecordLinks' },
    { id: 'fldCities00000001', name: 'Cities', type: 'multipleLookupValues' },
  ]
  const { standIn, read, register } = await openHooks(t, { fields, records: [] })
  const { id } = await register({})
  standIn.records.put('recAda', { Tags: ['a'], Teams: ['recTeam'], Cities: ['London'] })
  const linkedRecordIds = [/^rec/]
  t.match((await read(id)).payloads[0]?.['changedTablesById'], {
    [users]: {
      createdRecordsById: {
        recAda: {
          cellValuesByFieldId: {
            fldTags0000000001: [{ id: /^sel/, name: 'a' }],
            fldTeams000000001: [{ id: 'recTeam', name: 'recTeam' }],
            fldCities00000001: { linkedRecordIds, valuesByLinkedRecordId: {} },
          },
        },
      },
    },
  })
})

t.test('payloads are read from a cursor on, fifty at most, and as often as one likes', async (t) => {
  const { ask, hooks, standIn, read, register } = await openHooks(t)
  const { id } = await register({})
  t.strictSame(await read(id), { payloads: [], cursor: 1, mightHaveMore: false })
  for (let i = 1; i <= 51; i += 1) standIn.records.put(ada, { Name: `Ada ${i}` })
  const first = await read(id)
  t.match(first, { cursor: 51, mightHaveMore: true })
  t.equal(first.payloads.length, 50)
  t.match(await read(id, '?cursor=51'), { cursor: 52, mightHaveMore: false })
  t.match(await read(id, '?cursor=3&limit=2'), {
    payloads: [{ baseTransactionNumber: 3 }, { baseTransactionNumber: 4 }],
    cursor: 5,
    mightHaveMore: true,
  })
  t.strictSame(await read(id, '?cursor=52'), { payloads: [], cursor: 52, mightHaveMore: false })
  t.match(standIn.webhooks.list(), [{ cursorForNextPayload: 52 }])
  for (const query of ['?limit=51', '?limit=0', '?cursor=0', '?cursor=x', '?cursor='])
    t.equal((await ask('GET', `${hooks}/${id}/payloads${query}`)).status, 422, query)
})

t.test('payloads vanish after a week, and their numbers with them', async (t) => {
  const { standIn, read, register } = await openHooks(t)
  const { id } = await register({})
  standIn.records.put(ada, { Name: 'Old' })
  standIn.webhooks.age(week / 2)
  await read(id)
  standIn.records.put(ada, { Name: 'New' })
  standIn.webhooks.age(week / 2)
  t.match(await read(id), { payloads: [{ baseTransactionNumber: 2 }], cursor: 3 })
  t.equal((await read(id)).payloads.length, 1)
})

t.test('a webhook lives for a week, is read for another, and is gone', async (t) => {
  const clock = createHandClock()
  const { ask, hooks, standIn, read, register } = await openHooks(t, { clock })
  const { id } = await register({})
  clock.advance(week - 1)
  standIn.records.put(ada, { Name: 'In time' })
  clock.advance(1)
  standIn.records.put(ada, { Name: 'Too late' })
  t.match(standIn.webhooks.list(), [{ isHookEnabled: false, expirationTime: '2026-11-27T10:00:00.000Z' }])
  t.equal((await ask('POST', `${hooks}/${id}/refresh`)).status, 422)
  t.equal((await read(id)).payloads.length, 1)
  clock.advance(week - 1)
  t.equal((await ask('GET', `${hooks}/${id}/payloads`)).status, 200)
  clock.advance(1)
  t.equal((await ask('GET', `${hooks}/${id}/payloads`)).status, 404)
  t.strictSame(standIn.webhooks.list(), [])
})

t.test('a refresh, or reading the payloads, gives it another week from then', async (t) => {
  const clock = createHandClock()
  const { ask, hooks, standIn, read, register } = await openHooks(t, { clock })
  const { id } = await register({})
  clock.advance(week - 1000)
  const refreshed = await ask('POST', `${hooks}/${id}/refresh`)
  t.strictSame(await refreshed.json(), { expirationTime: '2026-12-04T09:59:59.000Z' })
  clock.advance(week - 1000)
  await read(id)
  t.match(standIn.webhooks.list(), [{ isHookEnabled: true, expirationTime: '2026-12-11T09:59:58.000Z' }])
  standIn.webhooks.expire(id)
  await read(id)
  t.match(standIn.webhooks.list(), [{ isHookEnabled: false, expirationTime: '2026-12-04T09:59:58.000Z' }])
})

t.test('a watched column that is deleted makes the hook invalid, once and for all', async (t) => {
  const { ask, hooks, standIn, read, register, users: table } = await openHooks(t)
  const watching = await register({ watchDataInFieldIds: [name, status] })
  const other = await register({})
  t.ok(standIn.webhooks.removeField('Status'))
  t.notOk(standIn.webhooks.removeField('Status'))
  standIn.records.put(ada, { Name: 'Unheard' })
  t.match(await read(watching.id), {
    payloads: [{ error: true, code: 'INVALID_HOOK', payloadFormat: 'v0', baseTransactionNumber: 1 }],
    cursor: 2,
  })
  t.match(standIn.webhooks.list(), [{ isHookEnabled: false }, { isHookEnabled: true }])
  t.equal((await ask('POST', `${hooks}/${watching.id}/refresh`)).status, 422)
  t.match(await read(other.id), { payloads: [{ baseTransactionNumber: 2 }], cursor: 2 })
  const left = recordOf(await (await ask('GET', `${table}/${ada}`)).json())
  t.notOk(Object.hasOwn(left.fields, 'Status'))
})

t.test('a webhook can be turned off without a word', async (t) => {
  const { standIn, read, register } = await openHooks(t)
  const { id } = await register({})
  standIn.webhooks.disable(id)
  standIn.records.put(ada, { Name: 'Unheard' })
  t.match(standIn.webhooks.list(), [{ isHookEnabled: false }])
  t.match(await read(id), { payloads: [], cursor: 1 })
})
