import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { recordKey } from '../../../domain/record.ts'
import { runKey } from '../../../domain/runs.ts'
import { createWorld } from './worlds.ts'

const email = 'ada@example.com'
const record = { upstream: 'airtable', externalId: 'rec1' }

/** What happens to a password: a table's cell, a row that changes elsewhere, a password that is set here, a better hash. */
type Step =
  | { kind: 'cell'; at: number; hash: string | null }
  | { kind: 'set here'; at: number; hash: string }
  | { kind: 'login' }

const at = fc.integer({ min: 2, max: 12 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('cell'), at, hash: fc.constantFrom('weak 1', 'weak 2', 'strong 3', null) }),
  fc.record({ kind: fc.constant('set here'), at, hash: fc.constantFrom('own 1', 'own 2') }),
  fc.record({ kind: fc.constant('login') }),
)
/** Of one moment there is one cell and one password that was set here. */
const steps = fc.array(step, { minLength: 1, maxLength: 9, size: 'max' }).map((all) =>
  all.filter((one, index) => {
    const isSame = (other: Step) =>
      other.kind === one.kind && 'at' in one && 'at' in other && other.at === one.at
    return all.findIndex(isSame) === index || one.kind === 'login'
  }),
)

function play(all: Step[]): string | null {
  const { world, tell, setHere } = createWorld()
  const change = { type: 'user.upserted', ...record, created: false } as const
  const see = (moment: number, hash: string | null) =>
    tell({ ...change, stamp: { at: moment, event: `evt_${moment}` }, fields: { email, passwordHash: hash } })
  const { userId } = see(1, 'weak 1')
  const id = userId ?? ''
  for (const one of all) {
    if (one.kind === 'cell') see(one.at, one.hash)
    else if (one.kind === 'set here') setHere(id, 'passwordHash', { value: one.hash, at: one.at, event: '' })
    else replaceWeak()
  }
  return world.people.get(id)?.passwordHash ?? null

  /** As upgradePasswordHash does it. */
  function replaceWeak(): void {
    const person = world.people.get(id)
    const known = world.records.get(recordKey(record))
    const claim = known?.claims.passwordHash
    if (!person?.passwordHash?.startsWith('weak') || !known || claim?.value !== person.passwordHash) return
    const better = person.passwordHash.replace('weak', 'strong')
    const replaced = claim.replaced ?? runKey('passwordHash', claim)
    const claims = { ...known.claims, passwordHash: { ...claim, value: better, replaced } }
    world.records.set(recordKey(record), { ...known, claims })
    world.people.set(id, { ...person, passwordHash: better })
  }
}

/** Of the set alone: the cell's last hash, as old as its present run, against the last password that was set here. */
function expected(all: Step[]): string | null {
  const cells = [
    { at: 1, hash: 'weak 1' as string | null },
    ...all.filter((one) => one.kind === 'cell'),
  ].sort((a, b) => a.at - b.at)
  const own = all
    .filter((one) => one.kind === 'set here')
    .sort((a, b) => a.at - b.at)
    .at(-1)
  const last = cells.at(-1)
  const other = cells.findLast(({ hash }) => hash !== last?.hash)
  const since = Math.min(...cells.filter((one) => one.at > (other?.at ?? 0)).map((one) => one.at))
  return own && own.at >= since ? own.hash : (last?.hash ?? null)
}

/** The same password, in whatever form. */
const passwordOf = (hash: string | null) => hash?.replace(/weak|strong/, 'table') ?? null

t.test(
  '2,000 random histories of cells, repeated cells, cleared cells, passwords set here and better hashes end alike, in every order',
  async (t) => {
    const property = fc.property(steps, fc.infiniteStream(fc.nat(1000)), (all, random) => {
      const wanted = passwordOf(expected(all))
      const keyed = all.map((one) => ({ one, key: random.next().value as number }))
      const order = keyed.sort((a, b) => a.key - b.key).map(({ one }) => one)
      assert.equal(passwordOf(play(all)), wanted)
      assert.equal(passwordOf(play(order)), wanted)
    })
    fc.assert(property, { numRuns: 2000 })
    t.pass()
  },
)

t.test(
  'rule 4: a repeated hash, and a change in another column, leave a password that was set here',
  async (t) => {
    const own: Step = { kind: 'set here', at: 5, hash: 'own 1' }
    t.equal(play([own, { kind: 'cell', at: 6, hash: 'weak 1' }]), 'own 1')
    t.equal(play([own, { kind: 'cell', at: 6, hash: 'weak 2' }]), 'weak 2')
    t.equal(play([own, { kind: 'cell', at: 6, hash: null }]), null)
    t.equal(play([own, { kind: 'cell', at: 4, hash: 'weak 2' }]), 'own 1')
  },
)

t.test(
  'rule 4: a better hash of the same password stays when the table repeats the weaker one',
  async (t) => {
    t.equal(play([{ kind: 'login' }, { kind: 'cell', at: 6, hash: 'weak 1' }]), 'strong 1')
    t.equal(play([{ kind: 'login' }, { kind: 'cell', at: 6, hash: 'weak 2' }]), 'weak 2')
    t.equal(play([{ kind: 'login' }, { kind: 'cell', at: 6, hash: null }]), null)
  },
)
