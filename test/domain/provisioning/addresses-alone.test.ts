import t from 'tap'
import type { PersonFields, UserChange } from '../../../domain/change.ts'
import { canonicalEmail } from '../../../domain/email.ts'
import { addressRecordId } from '../../../domain/record.ts'
import { createWorld } from './worlds.ts'

const ada = 'ada@example.com'
const bob = 'bob@example.com'

type Told = Partial<PersonFields> & { created?: boolean; upstream?: string }

function upserted(externalId: string, at: number, told: Told): UserChange {
  const { created = false, upstream = 'airtable', ...fields } = told
  return { type: 'user.upserted', upstream, externalId, stamp: { at, event: `evt_${at}` }, created, fields }
}

function deleted(externalId: string, at: number): UserChange {
  return { type: 'user.deleted', upstream: 'airtable', externalId, stamp: { at, event: `evt_${at}` } }
}

function read(externalId: string, at: number, readAt: number, fields: Partial<PersonFields>): UserChange {
  const stamp = { at, event: `read ${readAt}` }
  return { type: 'user.upserted', upstream: 'airtable', externalId, stamp, created: false, fields, readAt }
}

function byAddress(email: string): string {
  return addressRecordId(canonicalEmail(email))
}

t.test(
  'who was created by e-mail alone and is then known by id is one person, in either order',
  async (t) => {
    const news = [
      upserted(byAddress(ada), 1, { created: true, email: ada, name: 'Ada' }),
      read('rec1', 2, 2, { email: 'Ada@Example.com', role: 'admin' }),
    ]
    for (const changes of [news, news.toReversed()]) {
      const { tell, people } = createWorld()
      const ids = changes.map((change) => tell(change).userId)
      t.equal(ids[0], ids[1])
      t.match(people(), [{ email: 'Ada@Example.com', name: 'Ada', role: 'admin' }])
      t.equal(people().length, 1)
    }
  },
)

t.test('news by e-mail alone change whoever has the address, under the name of their record', async (t) => {
  const { tell, people } = createWorld()
  tell(read('rec1', 1, 1, { email: ada, name: 'Ada' }))
  t.strictSame(tell(upserted(byAddress(ada), 2, { email: ada, name: 'Ada King' })).path, 'linked_by_email')
  t.match(people(), [{ name: 'Ada King', provenance: { name: { externalId: 'rec1', event: 'evt_2' } } }])
})

t.test('news by e-mail alone are not heard by the records of another upstream', async (t) => {
  const { tell, people } = createWorld()
  tell(upserted('user_1', 1, { upstream: 'clerk', email: ada }))
  tell(deleted(byAddress(ada), 2))
  t.match(people(), [{ status: 'active', records: [`airtable ${byAddress(ada)}`, 'clerk user_1'] }])
})

t.test(
  'a deletion by e-mail alone leaves a tombstone that only a newer user.created lifts, by id or by e-mail',
  async (t) => {
    for (const id of ['rec1', byAddress(ada)]) {
      const { tell, people } = createWorld()
      const { userId } = tell(read('rec1', 1, 1, { email: ada }))
      const deletion = tell(deleted(byAddress(ada), 5))
      t.match(deletion, { path: 'tombstoned', hadEffect: true, userId })
      for (const late of [
        read('rec1', 1, 6, { email: ada }),
        read('rec1', 7, 7, { email: ada, name: 'Ada' }),
        upserted('rec1', 4, { created: true, email: ada }),
        upserted(byAddress(ada), 8, { email: ada, name: 'Ada' }),
      ]) {
        t.match(tell(late), { path: 'tombstoned', hadEffect: false, userId })
        t.strictSame(people(), [])
      }
      t.strictSame(tell(upserted(id, 9, { created: true, email: ada })).userId, userId)
      t.match(people(), [{ email: ada, status: 'active' }])
    }
  },
)

t.test('a deletion by e-mail alone is there before the record is', async (t) => {
  const { tell, people } = createWorld()
  tell(deleted(byAddress(ada), 5))
  t.equal(tell(read('rec1', 1, 6, { email: ada })).path, 'tombstoned')
  t.strictSame(people(), [])
})

t.test('a user.created by e-mail alone brings back a record that was deleted by its id', async (t) => {
  const { tell, people } = createWorld()
  const { userId } = tell(read('rec1', 1, 1, { email: ada }))
  tell(deleted('rec1', 2))
  t.strictSame(tell(upserted(byAddress(ada), 3, { email: ada })).path, 'tombstoned')
  t.strictSame(tell(upserted(byAddress(ada), 4, { created: true, email: ada })).userId, userId)
  t.match(people(), [{ email: ada }])
})

t.test('a record that is renamed takes the person along, whatever was told of the old address', async (t) => {
  const { tell, world, people } = createWorld()
  const { userId } = tell(upserted(byAddress(ada), 1, { created: true, email: ada, name: 'Ada' }))
  t.equal(tell(read('rec1', 2, 2, { email: ada })).userId, userId)
  t.equal(tell(read('rec1', 3, 3, { email: bob })).userId, userId)
  t.equal(world.people.get(userId ?? '')?.emailCanonical, bob)
  t.strictSame(
    people().map(({ emailCanonical, records }) => [emailCanonical, records]),
    [
      [ada, [`airtable ${byAddress(ada)}`]],
      [bob, ['airtable rec1']],
    ],
  )
})

t.test('an id that only looks like an address is an id like others', async (t) => {
  const { tell, people } = createWorld()
  tell(upserted('mailto:nobody', 1, { email: ada, name: 'Ada' }))
  tell(upserted('mailto:ADA@example.com', 2, { email: bob }))
  t.strictSame(
    people().map(({ emailCanonical, records }) => [emailCanonical, records]),
    [
      [ada, ['airtable mailto:nobody']],
      [bob, ['airtable mailto:ADA@example.com']],
    ],
  )
})
