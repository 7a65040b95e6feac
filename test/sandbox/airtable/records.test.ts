import t from 'tap'
import type { Field } from '../../../sandbox/airtable/fields.ts'
import { createHandClock, open } from './opened.ts'
import { recordOf } from './target.ts'

const fields: Field[] = [
  { id: 'fldEmail000000001', name: 'Email', type: 'email' },
  { id: 'fldName0000000001', name: 'Name', type: 'singleLineText' },
  { id: 'fldActive00000001', name: 'Active', type: 'checkbox' },
  { id: 'fldTeams000000001', name: 'Teams', type: 'multipleRecordLinks' },
  { id: 'fldRole0000000001', name: 'Role', type: 'multipleLookupValues' },
  { id: 'fldModified000001', name: 'Last Modified', type: 'lastModifiedTime' },
  {
    id: 'fldEmailChanged01',
    name: 'Email Changed',
    type: 'lastModifiedTime',
    watches: ['fldEmail000000001'],
  },
]

const teams = {
  id: 'tblTeams000000001',
  name: 'Teams & more',
  fields: [{ id: 'fldTeamName000001', name: 'Name', type: 'singleLineText' as const }],
  records: [{ id: 'recTeamCompilers1', fields: { Name: 'Compilers' } }],
}

const createdTime = '2026-01-01T00:00:00.000Z'
const ada = { id: 'recAda00000000001', createdTime, fields: { Email: 'ada@example.com', Active: true } }

t.test('Last Modified moves on a user’s edit of the columns that it watches, by the API too', async (t) => {
  const clock = createHandClock()
  const { users, ask } = await open(t, { clock, fields, records: [ada] })
  const patch = async (changes: Record<string, unknown>) => {
    clock.advance(60_000)
    return (await ask('PATCH', `${users}/${ada.id}`, { fields: changes })).json()
  }
  t.match(await patch({ Name: 'Ada' }), {
    fields: { 'Last Modified': '2026-11-20T10:01:00.000Z', 'Email Changed': createdTime },
  })
  t.match(await patch({ Email: 'countess@example.com' }), {
    fields: { 'Last Modified': '2026-11-20T10:02:00.000Z', 'Email Changed': '2026-11-20T10:02:00.000Z' },
  })
  t.match(await patch({ Name: 'Ada' }), { fields: { 'Last Modified': '2026-11-20T10:02:00.000Z' } })
})

t.test('a lookup that changes does not move Last Modified', async (t) => {
  const { standIn, users, ask } = await open(t, { fields, records: [ada] })
  standIn.records.put(ada.id, { Role: ['Admin'] })
  t.match(await (await ask('GET', `${users}/${ada.id}`)).json(), {
    fields: { Role: ['Admin'], 'Last Modified': createdTime },
  })
})

t.test('a record that nobody has edited may lack Last Modified', async (t) => {
  const { users, ask } = await open(t, { fields, records: [ada], neverEdited: 'absent' })
  t.strictSame(await (await ask('GET', `${users}/${ada.id}`)).json(), { ...ada, fields: ada.fields })
})

t.test('changed records are found by LAST_MODIFIED_TIME()', async (t) => {
  const { standIn, users, ask } = await open(t, { fields, records: [ada] })
  standIn.records.put('recBob00000000001', { Email: 'bob@example.com' })
  const since = "IS_AFTER(LAST_MODIFIED_TIME(), DATETIME_PARSE('2026-01-01T00:00:00.000Z'))"
  const answer = await ask('POST', `${users}/listRecords`, { filterByFormula: since, fields: ['Email'] })
  t.match(await answer.json(), { records: [{ id: 'recBob00000000001' }] })
})

t.test('a computed column, and a value that does not fit, are refused', async (t) => {
  const { users, ask } = await open(t, { fields, records: [ada], rateLimit: false })
  for (const wrong of [
    { Role: ['Admin'] },
    { 'Last Modified': createdTime },
    { Name: 7 },
    { Active: 'yes' },
    { Teams: 'x' },
  ]) {
    const answer = await ask('PATCH', `${users}/${ada.id}`, { fields: wrong })
    t.equal(answer.status, 422)
    t.match(await answer.json(), { error: { type: 'INVALID_VALUE_FOR_COLUMN' } })
  }
  const cast = await ask('PATCH', `${users}/${ada.id}`, { fields: { Name: 7 }, typecast: true })
  t.match(await cast.json(), { fields: { Name: '7' } })
})

t.test('an unticked checkbox and an emptied list are absent, not false and empty', async (t) => {
  const { users, ask } = await open(t, { fields, records: [ada], neverEdited: 'absent' })
  const answer = await ask('PATCH', `${users}/${ada.id}`, { fields: { Active: false, Teams: [] } })
  const { fields: left } = recordOf(await answer.json())
  t.strictSame(Object.keys(left), ['Email', 'Last Modified'])
})

t.test('a record is found by its id in whatever table it is, unless that is switched off', async (t) => {
  const options = { fields, records: [ada], otherTables: [teams] }
  const wide = await open(t, options)
  const found = await wide.ask('GET', `${wide.users}/recTeamCompilers1`)
  t.match(await found.json(), { fields: { Name: 'Compilers' } })
  t.equal((await wide.ask('GET', `/v0/${wide.standIn.baseId}/Teams%20%26%20more`)).status, 200)

  const strict = await open(t, { ...options, baseWideGet: false, missingRecord: 'bare' })
  const missing = await strict.ask('GET', `${strict.users}/recTeamCompilers1`)
  t.equal(missing.status, 404)
  t.strictSame(await missing.json(), { error: 'NOT_FOUND' })
})

t.test('a token without the base gets 403, a revoked one 401', async (t) => {
  const { standIn, url, users, ask } = await open(t, { otherTokens: ['patGuest.guest'] })
  const guest = { headers: { authorization: 'Bearer patGuest.guest' } }
  t.equal((await fetch(`${url}${users}`, guest)).status, 403)
  t.equal((await fetch(`${url}/v0/meta/whoami`, guest)).status, 200)
  t.equal((await ask('GET', users)).status, 200)
  standIn.revoke('patOpened.test')
  t.equal((await ask('GET', users)).status, 401)
})

t.test('the schema of the base can be read', async (t) => {
  const { standIn, ask } = await open(t, { fields, records: [ada], otherTables: [teams] })
  t.match(await (await ask('GET', `/v0/meta/bases/${standIn.baseId}/tables`)).json(), {
    tables: [{ name: 'Users', primaryFieldId: 'fldEmail000000001' }, { id: teams.id }],
  })
})
