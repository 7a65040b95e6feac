import t from 'tap'
import { mostDisabledOf } from '../../../plugins/reconcile.ts'
import { addPeople, password } from '../../support/people.ts'
import { createWorld } from '../../support/service.ts'
import { idOf, readStatuses, startWalker } from './walker.ts'

const statusesOf = async (sql: Parameters<typeof readStatuses>[0]) =>
  Object.values(await readStatuses(sql)).reduce<Record<string, number>>(
    (counts, status) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }),
    {},
  )

// shared/cases/airtable-status-formula-error.json
t.test('a status formula that breaks for a moment locks no user out, and lets no new one in', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk, logText } = await startWalker(t, world)
  const service = await world.start()
  const emails = await addPeople(airtable, 40)
  await walk()
  const { refreshToken } = (await service.login(emails[0] ?? '', password)).json()
  for (const cell of [{ error: '#ERROR!' }, { specialValue: 'NaN' }]) {
    for (let index = 0; index < 40; index += 1)
      airtable.records.put(idOf('person', index), {
        ...airtable.records.find(idOf('person', index))?.fields,
        Status: cell,
      })
    const report = await walk()
    t.match(report, { disabled: 0, isRefused: false })
    t.same(
      report.unusable,
      Array.from({ length: 40 }, (_, index) => ({
        externalId: idOf('person', index),
        reason: 'cell.unreadable',
      })),
    )
    t.same(await statusesOf(sql), { active: 40 })
  }
  t.match(logText(), `"event":"cell.unreadable","record":"${idOf('person', 7)}","field":"status"`)
  const refresh = () =>
    service.app.inject({ method: 'POST', url: '/api/auth/refresh', payload: { refreshToken } })
  t.equal((await refresh()).statusCode, 200)

  const known = airtable.records.find(idOf('person', 0))?.fields
  airtable.records.put('recNewPerson00001', { ...known, Email: 'new@example.org' })
  t.equal((await service.login('new@example.org', password)).json().code, 'FL_ACCOUNT_INACTIVE')
  await walk()
  t.same(await statusesOf(sql), { active: 40, disabled: 1 })
  airtable.records.put('recNewPerson00001', { ...known, Email: 'new@example.org', Status: 'Active' })
  await walk()
  t.same(await statusesOf(sql), { active: 41 }, 'once it can be read it counts')
})

t.test('a run disables a tenth, or two, and never all of several', (t) => {
  for (const [known, most] of [
    [1, 2],
    [2, 1],
    [3, 2],
    [6, 2],
    [29, 2],
    [30, 3],
    [1000, 100],
  ] as const)
    t.equal(mostDisabledOf(known), most, `of ${known}`)
  t.end()
})

t.test(
  'people who are re-labelled count like people who are gone; the status of the rest is withheld',
  async (t) => {
    const world = await createWorld(t, { records: [] })
    const { airtable, sql } = world
    const { walk, logText } = await startWalker(t, world)
    await addPeople(airtable, 6)
    await walk()
    const label = (index: number, fields: object) =>
      airtable.records.put(idOf('person', index), {
        ...airtable.records.find(idOf('person', index))?.fields,
        ...fields,
      })
    for (let index = 0; index < 6; index += 1) label(index, { Status: 'Left', Name: `Renamed ${index}` })
    const report = await walk()
    t.match(report, { disabled: 2, isRefused: true })
    t.equal(report.withheld.length, 4)
    t.same(await statusesOf(sql), { active: 4, disabled: 2 })
    t.match(
      await sql`select from firstlogin.users where name like 'Renamed%'`,
      { length: 6 },
      'all else is applied',
    )
    t.match(logText(), /"level":50,.*"event":"reconcile.withheld"/)

    t.match(await walk({ force: true }), { disabled: 4, isRefused: false, withheld: [] })
    t.same(await statusesOf(sql), { disabled: 6 })
  },
)

t.test(
  'a small team loses one user, and those who are gone count with those who are re-labelled',
  async (t) => {
    const world = await createWorld(t, { records: [] })
    const { airtable, sql } = world
    const { walk } = await startWalker(t, world)
    await addPeople(airtable, 6)
    await walk()
    airtable.records.remove(idOf('person', 0))
    t.match(await walk(), { disabled: 1, isRefused: false })
    airtable.records.put(idOf('person', 1), {
      ...airtable.records.find(idOf('person', 1))?.fields,
      Status: 'Left',
    })
    airtable.records.remove(idOf('person', 2))
    airtable.records.remove(idOf('person', 3))
    t.match(await walk(), { disabled: 1, isRefused: true, withheld: [] })
    t.same(await statusesOf(sql), { active: 4, disabled: 2 })
  },
)
