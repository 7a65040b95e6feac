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

t.test('a record that is no account is nobody while it has no address', async (t) => {
  const { tell, people } = createWorld()
  t.equal(tell(upserted('rec1', 1, { name: 'Ada', email: '' })).userId, null)
  t.strictSame(people(), [])
})

t.test('the address of an account that is not verified is shown, and joins nobody', async (t) => {
  const { tell, people } = createWorld()
  const { userId } = tell(upserted('rec1', 1, { email: ada }))
  const other = tell({ ...account('user_1', 2, { email: ada }), isUnverified: true })
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
  'an account with the address of another one of its upstream stands alone, and has the address once that one is gone',
  async (t) => {
    const { tell, people, world } = createWorld()
    const { userId } = tell(account('user_1', 1, { email: ada }))
    const own = tell(account('user_2', 2)).userId
    t.equal(tell(account('user_2', 3, { email: ada, name: 'Bea' })).userId, own)
    t.match(people(), [
      { emailCanonical: ada, records: ['clerk user_1'] },
      { emailCanonical: null, email: ada, name: 'Bea', records: ['clerk user_2'] },
    ])
    tell(account('user_1', 4, { email: bob }))
    t.match(
      people().map(({ emailCanonical, records }) => [emailCanonical, records]),
      [
        [ada, ['clerk user_2']],
        [bob, ['clerk user_1']],
      ],
    )
    t.equal(world.records.get('clerk\nuser_1')?.userId, userId)
    t.equal(world.records.get('clerk\nuser_2')?.userId, own)
  },
)

t.test('of two accounts with one address the first that named it has it, in either order', async (t) => {
  const news = [account('user_2', 3, { email: ada }), account('user_1', 2, { email: ada })]
  for (const changes of [news, news.toReversed()]) {
    const { tell, people, world } = createWorld()
    for (const change of changes) tell(change)
    t.match(people(), [
      { emailCanonical: ada, records: ['clerk user_1'] },
      { emailCanonical: null, records: ['clerk user_2'] },
    ])
    t.equal(world.records.get('clerk\nuser_1')?.userId === world.records.get('clerk\nuser_2')?.userId, false)
  }
})

t.test(
  'whose address is taken back, or no longer verified, leaves the person to the others who have it',
  async (t) => {
    for (const isAccount of [true, false]) {
      for (const last of [{ email: '' }, { email: bob, isUnverified: true as const }]) {
        const { isUnverified, ...fields } = last
        const { tell, people, world } = createWorld()
        const { userId } = tell(upserted('rec1', 1, { email: ada }))
        const make = isAccount ? account : upserted
        tell(make('user_1', 2, { upstream: 'clerk', email: ada }))
        tell({
          ...make('user_1', 3, { upstream: 'clerk', ...fields }),
          ...(isUnverified && { isUnverified }),
        })
        t.equal(world.records.get('airtable\nrec1')?.userId, userId)
        t.equal(world.people.get(userId ?? '')?.status, 'active')
        t.equal(people().length, isAccount || isUnverified ? 2 : 1)
      }
    }
  },
)

t.test('an account without an address is deleted and comes back as the same person', async (t) => {
  const { tell, people } = createWorld()
  const { userId } = tell(account('user_1', 1))
  t.match(tell(deleted('user_1', 2)), { path: 'tombstoned', hadEffect: true, userId })
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
