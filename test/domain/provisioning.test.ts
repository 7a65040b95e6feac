import t from 'tap'
import type { PersonFields, UserChange } from '../../domain/change.ts'
import { defaultOwnership, type FieldOwnership } from '../../domain/ownership.ts'
import { createWorld } from './provisioning/worlds.ts'

const ada = 'ada@example.com'
const bob = 'bob@example.com'

type Told = Partial<PersonFields> & { created?: boolean; event?: string; upstream?: string }

function upserted(externalId: string, at: number, told: Told): UserChange {
  const { created = false, event = `evt_${at}`, upstream = 'airtable', ...fields } = told
  return { type: 'user.upserted', upstream, externalId, stamp: { at, event }, created, fields }
}

function deleted(externalId: string, at: number, event = `evt_${at}`): UserChange {
  return { type: 'user.deleted', upstream: 'airtable', externalId, stamp: { at, event } }
}

function vanished(externalId: string, at: number): UserChange {
  return { type: 'user.vanished', upstream: 'airtable', externalId, stamp: { at, event: `list ${at}` } }
}

/** What is seen of everybody after these changes, and the way of each. */
function tellAll(changes: UserChange[], ownership: FieldOwnership = defaultOwnership) {
  const { world, tell, people } = createWorld(ownership)
  const told = changes.map(tell)
  return {
    world,
    people: people(),
    paths: told.map(({ path }) => path),
    ids: told.map(({ userId }) => userId),
    seen: people().map(({ email, name, status }) => ({ email, name, status })),
  }
}

t.test(
  'rule 1: a record is matched by its id first, so a person keeps their id when the address changes',
  async (t) => {
    const { ids, paths, people } = tellAll([
      upserted('rec1', 1, { email: ada }),
      upserted('rec1', 2, { email: bob }),
    ])
    t.equal(ids[0], ids[1])
    t.strictSame(paths, ['created', 'updated'])
    t.strictSame(
      people.map((person) => person.emailCanonical),
      [bob],
    )
  },
)

t.test('rule 1: another upstream is linked by the canonical address', async (t) => {
  const { ids, paths, people } = tellAll([
    upserted('rec1', 1, { email: 'Ada@Example.COM', name: 'Ada' }),
    upserted('user_1', 2, { upstream: 'clerk', email: ada, name: 'Augusta' }),
  ])
  t.equal(ids[0], ids[1])
  t.strictSame(paths, ['created', 'linked_by_email'])
  t.match(people, [
    { name: 'Augusta', provenance: { name: { source: 'clerk', externalId: 'user_1', at: 2 } } },
  ])
  t.equal(people.length, 1)
})

t.test(
  'rule 3: a second record with the address of one that is there is a duplicate and takes nothing, in either order',
  async (t) => {
    const news = [
      upserted('rec1', 1, { email: ada, role: 'admin', name: 'Ada' }),
      upserted('rec2', 2, { email: 'ADA@example.com', role: 'owner', name: 'Eve', passwordHash: 'hash' }),
      upserted('rec2', 3, { email: 'ADA@example.com', status: 'disabled' }),
    ]
    for (const changes of [news, news.toReversed(), [...news, ...news]]) {
      const { people, world } = tellAll(changes)
      t.equal(people.length, 1)
      t.match(people, [{ email: ada, role: 'admin', name: 'Ada', status: 'active', passwordHash: null }])
      t.match(people, [{ records: ['airtable rec1'] }])
      t.match(
        world.people.get(world.records.get('airtable\nrec2')?.userId ?? '')?.status ?? 'deleted',
        'deleted',
      )
    }
    t.match(tellAll(news).paths, ['created', 'stale', 'stale'])
  },
)

t.test('rule 3: a duplicate that is deleted changes nothing', async (t) => {
  const { people, ids } = tellAll([
    upserted('rec1', 1, { email: ada, name: 'Ada' }),
    upserted('rec2', 2, { email: ada, name: 'Eve' }),
    deleted('rec2', 3),
  ])
  t.match(people, [{ name: 'Ada', status: 'active', records: ['airtable rec1'] }])
  t.equal(people.length, 1)
  t.equal(ids[0], 'id 0001')
})

t.test(
  'rule 3: who comes back under another id of the same upstream is re-keyed, not doubled, once the older one is gone',
  async (t) => {
    const first = upserted('rec1', 1, { email: ada, role: 'admin' })
    const second = upserted('rec2', 3, { email: 'ADA@example.com', role: 'member' })
    const gone = [deleted('rec1', 2), vanished('rec1', 4)]
    for (const leaves of gone) {
      for (const changes of [
        [first, second, leaves],
        [first, leaves, second],
      ]) {
        const { ids, people } = tellAll(changes)
        t.equal(people.length, 1)
        t.match(people, [{ email: 'ADA@example.com', role: 'member', records: ['airtable rec2'] }])
        t.equal(new Set(ids.flatMap((id) => id ?? [])).size, 1)
      }
    }
  },
)

t.test(
  'rule 3: a record that left an address and comes back is younger than who came meanwhile',
  async (t) => {
    const changes = [
      upserted('rec1', 1, { email: ada, name: 'first' }),
      upserted('rec1', 2, { email: bob }),
      upserted('rec2', 3, { email: ada, name: 'second' }),
      upserted('rec1', 4, { email: ada }),
      upserted('rec2', 5, { email: ada }),
    ]
    const { people, ids } = tellAll(changes)
    t.match(people, [{ name: 'second', records: ['airtable rec2'] }])
    t.equal(people.length, 1)
    t.not(ids[2], ids[0])
  },
)

t.test(
  'rule 3: a record that turns out to be older than who is known takes their address, and nothing else of theirs',
  async (t) => {
    const { ids, world } = tellAll([
      upserted('rec2', 3, { email: ada, name: 'Ada' }),
      upserted('rec1', 1, { email: ada, name: 'older' }),
    ])
    t.not(ids[1], ids[0])
    t.match(world.people.get(ids[0] ?? ''), { status: 'deleted' })
  },
)

t.test(
  'rule 3: a record made more than the window after the deletion of the one that held its address is a new person',
  async (t) => {
    const day = 86_400_000
    for (const [born, isSame] of [
      [10 + day, true],
      [11 + day, false],
    ] as const) {
      const changes = [
        upserted('rec1', 1, { email: ada, name: 'Ada' }),
        deleted('rec1', 10),
        { ...upserted('rec2', born + 5, { email: ada, name: 'Adam' }), bornAt: born },
      ]
      for (const order of [changes, [changes[0], changes[2], changes[1]].flatMap((change) => change ?? [])]) {
        const { people, world } = tellAll(order)
        t.match(people, [{ name: 'Adam' }])
        t.equal(world.records.get('airtable\nrec2')?.userId === 'id 0001', isSame)
        if (!isSame) t.equal(world.people.get('id 0001')?.status, 'deleted')
      }
    }
  },
)

t.test(
  'rule 4: an owner upstream has the newest word, local only fills a gap, newest compares times',
  async (t) => {
    const changes = [
      upserted('rec1', 2, {
        email: ada,
        name: 'second',
        avatarUrl: 'second',
        role: 'admin',
        passwordHash: null,
      }),
      upserted('rec1', 1, { email: ada, name: 'first', avatarUrl: 'first', role: 'viewer' }),
      upserted('rec1', 3, { name: null, avatarUrl: 'third', passwordHash: 'hash' }),
    ]
    t.match(tellAll(changes).people, [
      { name: null, avatarUrl: 'first', role: 'admin', passwordHash: 'hash' },
    ])
    const swapped: FieldOwnership = {
      ...defaultOwnership,
      name: 'local',
      avatarUrl: 'upstream',
      role: 'local',
    }
    t.match(tellAll(changes, swapped).people, [{ name: 'first', avatarUrl: 'third', role: 'viewer' }])
  },
)

t.test(
  'rule 4: what was set here yields to an owner upstream, stays if local, and to later news if newest',
  async (t) => {
    for (const [owner, atOnce, later] of [
      ['upstream', 'theirs', 'theirs, later'],
      ['local', 'ours', 'ours'],
      ['newest', 'ours', 'theirs, later'],
    ] as const) {
      const { world, tell, people } = createWorld({ ...defaultOwnership, name: owner })
      const { userId } = tell(upserted('rec1', 1, { email: ada, name: 'theirs' }))
      const person = world.people.get(userId ?? '')
      if (!person) throw new Error('Nobody was made.')
      const source = { source: 'local', at: 5, event: '' }
      world.people.set(person.id, {
        ...person,
        name: 'ours',
        provenance: { ...person.provenance, name: source },
      })
      tell(upserted('rec1', 4, { status: 'active', name: 'theirs' }))
      t.equal(people()[0]?.name, atOnce, owner)
      tell(upserted('rec1', 6, { name: 'theirs, later' }))
      t.equal(people()[0]?.name, later, owner)
    }
  },
)

t.test('rule 5: older news never overwrites newer news, field by field', async (t) => {
  const { paths, people } = tellAll([
    upserted('rec1', 5, { email: ada, name: 'five' }),
    upserted('rec1', 4, { email: bob, name: 'four' }),
    upserted('rec1', 3, { status: 'disabled', name: 'three' }),
  ])
  t.strictSame(paths, ['created', 'stale', 'updated'])
  t.match(people, [{ email: ada, name: 'five', status: 'disabled' }])
})

t.test('rule 5: of two events of one time the greater id wins, by code units', async (t) => {
  for (const [one, other, winner] of [
    ['evt_1', 'evt_2', 'evt_2'],
    ['evt_2', 'evt_1', 'evt_2'],
    ['evt_10', 'evt_9', 'evt_9'],
    ['Z', 'a', 'a'],
  ] as const) {
    const changes = [one, other].map((event) => upserted('rec1', 1, { email: ada, name: event, event }))
    t.match(tellAll(changes).people, [{ name: winner }])
  }
})

t.test('rule 5: at one time the deletion wins, whatever the ids and the order', async (t) => {
  const born = upserted('rec1', 1, { email: ada, created: true, event: 'evt_9' })
  t.strictSame(tellAll([born, deleted('rec1', 1, 'evt_1')]).seen, [])
  t.strictSame(tellAll([deleted('rec1', 1, 'evt_1'), born]).seen, [])
})

t.test('rule 6: older events, updates and reads never revive a deleted record', async (t) => {
  const { paths, seen } = tellAll([
    upserted('rec1', 1, { email: ada }),
    deleted('rec1', 3),
    upserted('rec1', 2, { email: ada, created: true }),
    upserted('rec1', 4, { email: ada, name: 'updated later' }),
    upserted('rec1', 5, { email: ada, event: 'read 2026-11-20T10:00:00.000Z' }),
  ])
  t.strictSame(seen, [])
  t.strictSame(paths, ['created', 'tombstoned', 'tombstoned', 'tombstoned', 'tombstoned'])
})

t.test(
  'rule 6: a deletion that arrives before anything else leaves its tombstone all the same',
  async (t) => {
    t.strictSame(tellAll([deleted('rec1', 3), upserted('rec1', 2, { email: ada, created: true })]).seen, [])
  },
)

t.test('rule 6: a newer user.created revives the record, and an older deletion is then stale', async (t) => {
  const { ids, paths, people } = tellAll([
    upserted('rec1', 1, { email: ada }),
    deleted('rec1', 2),
    upserted('rec1', 3, { email: ada, created: true }),
    deleted('rec1', 2, 'evt_9'),
  ])
  t.match(people, [{ email: ada, status: 'active' }])
  t.strictSame(paths, ['created', 'tombstoned', 'updated', 'stale'])
  t.equal(ids[0], ids[2])
})
