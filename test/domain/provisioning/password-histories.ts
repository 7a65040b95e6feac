import assert from 'node:assert/strict'
import fc from 'fast-check'
import { recordKey } from '../../../domain/record.ts'
import { runKey } from '../../../domain/runs.ts'
import { createWorld } from './worlds.ts'

const email = 'ada@example.com'
const record = { upstream: 'airtable', externalId: 'rec1' }

/** What happens to a password: a table's cell, a row that changes elsewhere, a password that is set here, a better hash. */
export type Step =
  | { kind: 'cell'; at: number; hash: string | null }
  | { kind: 'set here'; at: number; hash: string }
  | { kind: 'login' }

const at = fc.integer({ min: 2, max: 12 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('cell'), at, hash: fc.constantFrom('weak 1', 'weak 2', 'strong 3', null) }),
  fc.record({ kind: fc.constant('set here'), at, hash: fc.constantFrom('own 1', 'own 2', 'weak own') }),
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

export function play(all: Step[]): string | null {
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
    const weak = person?.passwordHash
    if (!person || !weak?.startsWith('weak')) return
    const better = weak.replace('weak', 'strong')
    const own = person.local?.passwordHash
    const isOwn = person.provenance.passwordHash?.source === 'local' && own
    const local = isOwn ? { local: { ...person.local, passwordHash: toBetter(own, better) } } : {}
    world.people.set(id, { ...person, ...local, passwordHash: better })
    const known = world.records.get(recordKey(record))
    const claim = known?.claims.passwordHash
    if (!known || claim?.value !== weak) return
    const claims = { ...known.claims, passwordHash: toBetter(claim, better) }
    world.records.set(recordKey(record), { ...known, claims })
  }
}

function toBetter<T extends { value: unknown; at: number; replaced?: string }>(weak: T, better: string): T {
  return { ...weak, value: better, replaced: weak.replaced ?? runKey('passwordHash', weak) }
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

/** In any order the password is the one that the set of steps tells of. */
export const passwordConvergence = fc.property(steps, fc.infiniteStream(fc.nat(1000)), (all, random) => {
  const wanted = passwordOf(expected(all))
  const keyed = all.map((one) => ({ one, key: random.next().value as number }))
  const order = keyed.sort((a, b) => a.key - b.key).map(({ one }) => one)
  assert.equal(passwordOf(play(all)), wanted)
  assert.equal(passwordOf(play(order)), wanted)
})
