import fc from 'fast-check'
import { fieldNames, type RecordFields, type UserChange, type UserUpserted } from '../../../domain/change.ts'
import { canonicalEmail } from '../../../domain/email.ts'
import { defaultOwnership, type FieldOwnership, type Owner } from '../../../domain/ownership.ts'
import { addressRecordId } from '../../../domain/record.ts'

/** Few upstreams, ids, addresses, times and events, and some of them often, so that they meet. */
const upstream = fc.constantFrom('airtable', 'airtable', 'airtable', 'clerk', 'frontegg')
const id = fc.constantFrom('rec1', 'rec2', 'rec3')
const email = fc.constantFrom(
  'ada@example.com',
  'Ada@Example.com',
  'bob@example.com',
  'BOB@example.com',
  'cy@example.com',
)
/** Now and then upstream says that there is none. */
const emailOrNone = fc.oneof({ weight: 5, arbitrary: email }, { weight: 1, arbitrary: fc.constant('') })
const addressId = email.map((address) => addressRecordId(canonicalEmail(address)))
const time = fc.integer({ min: 1, max: 6 })

/** When upstream made a record, where it says so. */
const born = fc.option(time, { freq: 2 }).map((at) => (at === null ? {} : { bornAt: at }))

const stamp = fc.record(
  { at: time, event: fc.constantFrom('evt_1', 'evt_2', 'evt_3', readEvent(3), readEvent(5)) },
  { noNullPrototype: true },
)

/** What cells name: an organization in two spellings, several, a linked record, or none. */
const cells: RecordFields['organizations'][] = [
  [],
  [{ name: 'Acme' }],
  [{ name: 'ACME' }],
  [{ name: 'Acme' }, { name: 'Globex' }],
  [{ id: 'recGlobex' }],
]

const fields = fc.record(
  {
    email: emailOrNone,
    emailVerified: fc.boolean(),
    name: fc.constantFrom('Ada', 'Augusta', '', null),
    avatarUrl: fc.constantFrom('https://example.com/1.png', 'https://example.com/2.png', null),
    status: fc.constantFrom('active', 'disabled'),
    role: fc.constantFrom('owner', 'member', 'viewer'),
    passwordHash: fc.constantFrom('hash 1', 'hash 2', null),
    organizations: fc.constantFrom(...cells),
  },
  { requiredKeys: [], noNullPrototype: true },
)

/** Some are news of an account, and not every address is verified. */
const marks: fc.Arbitrary<Pick<UserUpserted, 'isAccount' | 'isUnverified'>> = fc.constantFrom(
  {},
  {},
  { isAccount: true },
  { isUnverified: true },
  { isUnverified: true },
  { isAccount: true, isUnverified: true },
)

/** Vendors of identities have accounts, and tables have events that name an address alone: none has both. */
function marksOf(upstream: string, marks: Pick<UserUpserted, 'isAccount' | 'isUnverified'>) {
  const { isAccount, ...rest } = marks
  return upstream === 'airtable' || !isAccount ? rest : marks
}

/** What a webhook tells of somebody by id, a new address or another id for a known address included. */
const told: fc.Arbitrary<UserChange> = fc
  .tuple(upstream, id, stamp, fc.boolean(), fields, marks, born)
  .map(([upstream, externalId, stamp, created, fields, marks, born]) => {
    return {
      type: 'user.upserted',
      upstream,
      externalId,
      stamp,
      created,
      fields,
      ...marksOf(upstream, marks),
      ...born,
    }
  })

/** The same of whoever has an address. */
const toldByAddress: fc.Arbitrary<UserChange> = fc
  .tuple(email, stamp, fc.boolean(), fields, fc.constantFrom({}, { isUnverified: true as const }))
  .map(([email, stamp, created, told, mark]) => {
    const externalId = addressRecordId(canonicalEmail(email))
    const fields = { ...told, email }
    return { type: 'user.upserted', upstream: 'airtable', externalId, stamp, created, fields, ...mark }
  })

/**
 * What read-through and reconcile see: of the time the table names, or lacking one, of the moment of the call. Some
 * tell no more than that the record is there.
 */
const read: fc.Arbitrary<UserChange> = fc
  .tuple(upstream, id, time, fc.nat(3), fc.option(emailOrNone, { freq: 2 }), fields, marks, born)
  .map(([upstream, externalId, at, delay, email, fields, marks, born]): UserUpserted => {
    const readAt = at + delay
    const stamp = { at, event: readEvent(readAt) }
    const seen = email === null ? {} : { ...fields, email }
    const record = { upstream, externalId, stamp, readAt }
    return {
      type: 'user.upserted',
      ...record,
      created: false,
      fields: seen,
      ...marksOf(upstream, marks),
      ...born,
    }
  })

const gone: fc.Arbitrary<UserChange> = fc
  .tuple(
    fc.constantFrom('user.deleted', 'user.vanished'),
    fc.oneof(fc.tuple(upstream, id), fc.tuple(upstream, id), fc.tuple(fc.constant('airtable'), addressId)),
    stamp,
  )
  .map(([type, [upstream, externalId], stamp]) => ({ type, upstream, externalId, stamp }))

const anyChange = fc.oneof(
  { weight: 3, arbitrary: told },
  { weight: 2, arbitrary: toldByAddress },
  { weight: 2, arbitrary: read },
  { weight: 3, arbitrary: gone },
)

function readEvent(at: number): string {
  return `read ${new Date(at).toISOString()}`
}

export interface History {
  changes: UserChange[]
  /** The same changes in other orders, some of them more than once. */
  retold: UserChange[][]
}

interface HistoryShape {
  longest: number
  orders: number
  /** How many records may be accounts; two people without an address have no order among rows. */
  accounts?: 'one' | 'many'
}

export function anyHistory({ longest, orders, accounts = 'one' }: HistoryShape): fc.Arbitrary<History> {
  return fc
    .tuple(fc.array(anyChange, { minLength: 1, maxLength: longest, size: 'max' }), fc.nat())
    .map(([all, seed]) => {
      const next = createRandom(seed)
      const changes = accounts === 'many' ? all : withOneAccount(all)
      return { changes, retold: Array.from({ length: orders }, () => retell(changes, next)) }
    })
}

/** Only the first record that is told to be one stays an account. */
function withOneAccount(changes: UserChange[]): UserChange[] {
  const isAccount = (change: UserChange) => change.type === 'user.upserted' && change.isAccount
  const account = changes.find(isAccount)
  return changes.map((change) => {
    if (!isAccount(change)) return change
    if (change.upstream === account?.upstream && change.externalId === account.externalId) return change
    const { isAccount: _, ...rest } = change as UserUpserted
    return rest
  })
}

/** Tells everything in a random order; every third change comes again at another time. */
function retell(changes: UserChange[], next: (below: number) => number): UserChange[] {
  const again = changes.filter(() => next(3) === 0).map((change) => structuredClone(change))
  const retold: UserChange[] = []
  for (const change of [...changes, ...again]) retold.splice(next(retold.length + 1), 0, change)
  return retold
}

/** Whole numbers from 0 up to a limit, the same for the same seed (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const owner = fc.constantFrom<Owner>('upstream', 'local', 'newest')

/** Any but of the address, which is always the upstream's. */
export const anyOwnership: fc.Arbitrary<FieldOwnership> = fc.oneof(
  fc.constant(defaultOwnership),
  fc
    .record(
      Object.fromEntries(fieldNames.map((field) => [field, owner])) as Record<
        keyof FieldOwnership,
        typeof owner
      >,
    )
    .map((ownership): FieldOwnership => ({ ...ownership, email: 'upstream' })),
)
