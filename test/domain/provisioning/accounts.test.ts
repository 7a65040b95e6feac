import t from 'tap'
import type { PersonFields, UserChange, UserUpserted } from '../../../domain/change.ts'
import { createWorld } from './worlds.ts'

const ada = 'ada@example.com'
const bob = 'bob@example.com'

type Told = Partial<PersonFields> & { created?: boolean; upstream?: string }

/** News of an account. */
function account(externalId: string, at: number, told: Told = {}): UserUpserted {
  const { created = false, upstream = 'clerk', ...fields } = told
  const stamp = { at, event: `evt_${at}` }
  return { type: 'user.upserted', upstream, externalId, stamp, created, fields, isAccount: true }
}

/** News of a record that nobody signs in to. */
function upserted(externalId: string, at: number, told: Told): UserUpserted {
  const { isAccount: _, ...change } = account(externalId, at, { upstream: 'airtable', ...told })
  return change
}

function deleted(externalId: string, at: number): UserChange {
  return { type: 'user.deleted', upstream: 'clerk', externalId, stamp: { at, event: `evt_${at}` } }
}

t.test('an account is a person before it names an address, and keeps the id when it does', async (t) => {
  const { tell, people } = createWorld()
  const { userId, path } = tell(account('user_1', 1, { name: 'Ada' }))
  t.equal(path, 'created')
  t.match(people(), [{ name: 'Ada', email: '', emailCanonical: null, status: 'active' }])
  t.equal(tell(account('user_1', 2, { email: ada })).userId, userId)
  t.match(people(), [{ name: 'Ada', emailCanonical: ada, records: ['clerk user_1'] }])
})

t.test('a record that is no account is nobody while it has no address that is vouched for', async (t) => {
  const { tell, people } = createWorld()
  t.equal(tell(upserted('rec1', 1, { name: 'Ada', email: '' })).userId, null)
  t.equal(tell({ ...upserted('rec1', 2, { email: ada }), isUnvouched: true }).userId, null)
  t.strictSame(people(), [])
})

t.test('an address that is not vouched for is shown, and joins nobody', async (t) => {
  const { tell, people } = createWorld()
  const { userId } = tell(upserted('rec1', 1, { email: ada }))
  const other = tell({ ...account('user_1', 2, { email: ada }), isUnvouched: true })
  t.not(other.userId, userId)
  t.match(people(), [
    { emailCanonical: ada, records: ['airtable rec1'] },
    { email: ada, emailCanonical: null, records: ['clerk user_1'] },
  ])
  t.equal(tell(account('user_1', 3, { email: ada })).userId, userId)
  t.equal(people().length, 1)
})

t.test(
  'an account that names the address of somebody of another upstream joins them; the older one stays',
  async (t) => {
    for (const isAccountFirst of [true, false]) {
      const { tell, people, world } = createWorld()
      const news = [account('user_1', 1), upserted('rec1', 1, { email: ada })]
      const [first, second] = (isAccountFirst ? news : news.toReversed()).map((change) => tell(change).userId)
      t.equal(tell(account('user_1', 2, { email: ada })).userId, first)
      t.match(people(), [{ records: ['airtable rec1', 'clerk user_1'] }])
      t.equal(people().length, 1)
      t.match(world.people.get(second ?? ''), { status: 'deleted', emailCanonical: null })
    }
  },
)

t.test(
  'an account that was there before it names the address of an older one of its upstream is re-keyed to them',
  async (t) => {
    const { tell, people } = createWorld()
    const { userId } = tell(account('user_1', 1, { email: ada }))
    tell(account('user_2', 2))
    t.equal(tell(account('user_2', 3, { email: ada })).userId, userId)
    t.match(people(), [{ records: ['clerk user_2'] }])
    t.equal(people().length, 1)
  },
)

t.test(
  'an account that names an address which another one of its upstream named later leaves nobody behind',
  async (t) => {
    const { tell, people } = createWorld()
    tell(account('user_1', 1))
    tell(account('user_2', 3, { email: ada }))
    tell(account('user_1', 2, { email: ada }))
    t.match(people(), [{ records: ['clerk user_2'] }])
    t.equal(people().length, 1)
  },
)

t.test(
  'whose address is taken back, or no longer vouched for, leaves the person to the others who have it',
  async (t) => {
    for (const isAccount of [true, false]) {
      for (const last of [{ email: '' }, { email: bob, isUnvouched: true as const }]) {
        const { isUnvouched, ...fields } = last
        const { tell, people, world } = createWorld()
        const { userId } = tell(upserted('rec1', 1, { email: ada }))
        const make = isAccount ? account : upserted
        tell(make('user_1', 2, { upstream: 'clerk', email: ada }))
        tell({ ...make('user_1', 3, { upstream: 'clerk', ...fields }), ...(isUnvouched && { isUnvouched }) })
        t.equal(world.records.get('airtable\nrec1')?.userId, userId)
        t.equal(world.people.get(userId ?? '')?.status, 'active')
        t.equal(people().length, isAccount ? 2 : 1)
      }
    }
  },
)

t.test('an account without an address is deleted and comes back as the same person', async (t) => {
  const { tell, people } = createWorld()
  const { userId } = tell(account('user_1', 1))
  t.strictSame(tell(deleted('user_1', 2)), { path: 'tombstoned', hadEffect: true, userId })
  t.strictSame(people(), [])
  t.equal(tell(account('user_1', 3, { created: true })).userId, userId)
  t.match(people(), [{ status: 'active', emailCanonical: null }])
})

t.test('whoever is retired because their record joined somebody says whom', async (t) => {
  const { world, tell } = createWorld()
  const first = tell(upserted('rec1', 1, { email: ada })).userId
  const second = tell(account('user_1', 1)).userId
  t.not(second, first)
  t.equal(tell(account('user_1', 2, { email: ada })).userId, first)
  t.match(world.people.get(second ?? ''), { status: 'deleted', replacedBy: first })
  t.notOk(world.people.get(first ?? '')?.replacedBy)
})
