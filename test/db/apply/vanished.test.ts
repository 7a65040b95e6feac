import t from 'tap'
import type { UserChange } from '../../../domain/change.ts'
import { createDatabase } from '../../support/database.ts'
import { apply, listPeople, upserted } from './people.ts'

const ada = 'ada@example.com'

function vanished(externalId: string, at: number): UserChange {
  return { type: 'user.vanished', upstream: 'airtable', externalId, stamp: { at, event: `list ${at}` } }
}

t.test('a sight that tells nothing else is kept: a listing older than it disables nobody', async (t) => {
  const { sql } = await createDatabase(t)
  await apply(sql, [upserted('rec1', 1, { email: ada })])
  await apply(sql, [{ ...upserted('rec1', 1, {}), readAt: 5 }])
  const [older] = await apply(sql, [vanished('rec1', 4)])
  t.equal(older?.hadEffect, false)
  t.match(await listPeople(sql), [{ email: ada, status: 'active' }])
  await apply(sql, [vanished('rec1', 6)])
  t.match(await listPeople(sql), [{ status: 'disabled', provenance: { status: { event: 'list 6' } } }])
})

t.test('who vanished and is only seen again is active', async (t) => {
  const { sql } = await createDatabase(t)
  await apply(sql, [upserted('rec1', 1, { email: ada })])
  await apply(sql, [vanished('rec1', 4)])
  await apply(sql, [{ ...upserted('rec1', 1, {}), readAt: 5 }])
  t.match(await listPeople(sql), [{ email: ada, status: 'active' }])
  await apply(sql, [vanished('rec1', 5)])
  t.match(await listPeople(sql), [{ status: 'active' }])
})
