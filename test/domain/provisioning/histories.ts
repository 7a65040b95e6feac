import fc from 'fast-check'
import { type Change, fieldNames } from '../../../domain/change.ts'
import { defaultOwnership, type FieldOwnership, type Owner } from '../../../domain/ownership.ts'

/** Few ids, addresses, times and events, so that they meet often. */
const upstreams = ['airtable', 'clerk']
const externalIds = ['rec1', 'rec2', 'rec3']
const emails = ['ada@example.com', 'Ada@Example.com', 'bob@example.com', 'BOB@example.com', 'cy@example.com']
const events = ['evt_1', 'evt_2', 'evt_3', 'read 2026-11-20T10:00:00.000Z', 'read 2026-11-20T10:00:01.000Z']

const stamp = fc.record(
  { at: fc.integer({ min: 1, max: 6 }), event: fc.constantFrom(...events) },
  { noNullPrototype: true },
)

const fields = fc.record(
  {
    email: fc.constantFrom(...emails),
    emailVerified: fc.boolean(),
    name: fc.constantFrom('Ada', 'Augusta', '', null),
    avatarUrl: fc.constantFrom('https://example.com/1.png', 'https://example.com/2.png', null),
    status: fc.constantFrom('active', 'disabled'),
    role: fc.constantFrom('owner', 'member', 'viewer'),
    passwordHash: fc.constantFrom('hash 1', 'hash 2', null),
  },
  { requiredKeys: [], noNullPrototype: true },
)

const news = {
  upstream: fc.constantFrom(...upstreams),
  externalId: fc.constantFrom(...externalIds),
  stamp,
}

const upserted = fc
  .record(
    { ...news, type: fc.constant('user.upserted' as const), created: fc.boolean(), fields },
    { noNullPrototype: true },
  )
  // A read is never a `created`.
  .map((change) => ({ ...change, created: change.created && !change.stamp.event.startsWith('read ') }))

const deleted = fc.record({ ...news, type: fc.constant('user.deleted' as const) }, { noNullPrototype: true })

/** A change; four of five bring something. */
export const anyChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: upserted },
  { weight: 1, arbitrary: deleted },
)

export interface History {
  changes: Change[]
  /** The same changes in another order, some of them more than once. */
  retold: Change[]
}

export function anyHistory(longest: number): fc.Arbitrary<History> {
  return fc.array(anyChange, { minLength: 1, maxLength: longest }).chain((changes) =>
    fc
      .tuple(
        fc.shuffledSubarray(changes, { minLength: changes.length }),
        fc.array(fc.nat(changes.length - 1), { maxLength: 6 }),
        fc.array(fc.nat(2 * longest), { minLength: 6, maxLength: 6 }),
      )
      .map(([shuffled, again, places]) => {
        const retold = [...shuffled]
        for (const [index, which] of again.entries()) {
          retold.splice(
            (places[index] ?? 0) % (retold.length + 1),
            0,
            structuredClone(changes[which] as Change),
          )
        }
        return { changes, retold }
      }),
  )
}

const owner = fc.constantFrom<Owner>('upstream', 'local', 'newest')

export const anyOwnership: fc.Arbitrary<FieldOwnership> = fc.oneof(
  fc.constant(defaultOwnership),
  fc.record(
    Object.fromEntries(fieldNames.map((field) => [field, owner])) as Record<
      keyof FieldOwnership,
      typeof owner
    >,
  ),
)
