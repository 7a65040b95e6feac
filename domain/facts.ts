import { toCanonicalJson } from './json.ts'
import { mergeRuns, type Run, runKey, runsOf } from './runs.ts'
import { compareStamps, newerStamp, type Stamp } from './stamp.ts'

export interface Claim<T> extends Stamp {
  value: T
  /** Of an address: upstream has not verified it. */
  isUnverified?: true
  /** Since when the value has been the same; left out where it was told once. */
  runs?: Run[]
  /** Of a password hash that was replaced here by a stronger one of the same password: the key of the upstream's. */
  replaced?: string
}

export type ClaimsOf<Fields> = { [Field in keyof Fields]?: Claim<Fields[Field]> }

/** Everything that upstream ever said of one thing, boiled down so that order and repetition do not matter. */
export interface Facts<Fields> {
  claims: ClaimsOf<Fields>
  created: Stamp | undefined
  deleted: Stamp | undefined
  vanished: Stamp | undefined
  /** When upstream made it, as far as that was told. Milliseconds since 1970. */
  born: number | undefined
  /** The last moment at which upstream was seen to have it. Milliseconds since 1970, 0 for never. */
  seenAt: number
}

/**
 * Which claim a field keeps: the newest, with or without the times since which its value has been the same, or for
 * fields that are owned here the first that was not empty.
 */
export type KeepsOf<Fields> = (field: keyof Fields) => 'newest' | 'newest since' | 'first'

export const keepsNewest = () => 'newest' as const

export const noFacts: Facts<unknown> = {
  claims: {},
  created: undefined,
  deleted: undefined,
  vanished: undefined,
  born: undefined,
  seenAt: 0,
}

/** A deletion holds until the upstream says `created` at a later time; at the same time the deletion wins. */
export function isDeleted({ created, deleted }: Facts<unknown>): boolean {
  return deleted !== undefined && !(created && created.at > deleted.at)
}

/** Whether a complete listing missed it, and nobody has seen it since. */
export function isVanished({ vanished, seenAt }: Facts<unknown>): boolean {
  return vanished !== undefined && vanished.at > seenAt
}

/** What a change of any kind has of facts. */
interface Told<Fields> {
  type: string
  stamp: Stamp
  created?: boolean
  fields?: Partial<Fields>
  readAt?: number
  bornAt?: number
}

/** What one change says by itself. */
export function toFacts<Fields>({
  type,
  stamp,
  created,
  fields,
  readAt,
  bornAt,
}: Told<Fields>): Facts<Fields> {
  if (type.endsWith('.deleted')) return { ...noFacts, deleted: stamp }
  if (type.endsWith('.vanished')) return { ...noFacts, vanished: stamp }
  const told = Object.entries(fields ?? {}).map(([field, value]) => [field, { ...stamp, value }])
  return {
    ...noFacts,
    claims: Object.fromEntries(told) as ClaimsOf<Fields>,
    created: created ? stamp : undefined,
    born: bornAt,
    seenAt: Math.max(stamp.at, readAt ?? 0),
  }
}

/** All that both know together; the very object that was given if the second adds nothing. */
export function mergeFacts<Fields, T extends Facts<Fields>>(
  facts: T,
  other: Facts<Fields>,
  keeps: KeepsOf<Fields>,
): T {
  const merged: T = {
    ...facts,
    claims: mergeClaims(facts.claims, other.claims, keeps),
    created: newerStamp(facts.created, other.created),
    deleted: newerStamp(facts.deleted, other.deleted),
    vanished: newerStamp(facts.vanished, other.vanished),
    born: earlier(facts.born, other.born),
    seenAt: Math.max(facts.seenAt, other.seenAt),
  }
  return isToldMore(facts, merged) || merged.seenAt !== facts.seenAt ? merged : facts
}

/** Whether two states differ in more than in when it was last seen. */
export function isToldMore<Fields>(before: Facts<Fields>, after: Facts<Fields>): boolean {
  const parts = ['claims', 'created', 'deleted', 'vanished', 'born'] as const
  return parts.some((part) => before[part] !== after[part])
}

/** Whether they differ in more than in since when values have been the same. */
export function isToldAnew<Fields>(before: Facts<Fields>, after: Facts<Fields>): boolean {
  const fields = Object.keys(after.claims) as (keyof Fields)[]
  const isAnew = (field: keyof Fields) => {
    const [was, is] = [before.claims[field], after.claims[field]]
    if (!was || !is) return was !== is
    return compareStamps(was, is) !== 0 || compareValues(was, is) !== 0
  }
  return isToldMore({ ...before, claims: after.claims }, after) || fields.some(isAnew)
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}

function mergeClaims<Fields>(
  claims: ClaimsOf<Fields>,
  others: ClaimsOf<Fields>,
  keeps: KeepsOf<Fields>,
): ClaimsOf<Fields> {
  const better = Object.entries(others).flatMap(([name, claim]) => {
    const field = name as keyof Fields
    const kept: Claim<unknown> | undefined = claims[field]
    const merged = mergeClaim(name, kept, claim as Claim<unknown>, keeps(field))
    return merged === kept ? [] : [[name, merged]]
  })
  return better.length === 0 ? claims : { ...claims, ...(Object.fromEntries(better) as ClaimsOf<Fields>) }
}

/** The very object that was kept if the offered one adds nothing. */
function mergeClaim(
  field: string,
  kept: Claim<unknown> | undefined,
  offered: Claim<unknown>,
  keeps: ReturnType<KeepsOf<never>>,
): Claim<unknown> | undefined {
  if (keeps === 'first' && isEmpty(offered.value)) return kept
  if (!kept) return offered
  const same = asReplaced(field, kept, offered)
  const order = compareStamps(same, kept) || compareValues(same, kept)
  if (keeps === 'first') return order < 0 ? same : kept
  if (order === 0 && same.runs === undefined) return kept
  const winner = order > 0 ? same : kept
  if (keeps === 'newest') return winner
  const known = runsOf(field, kept)
  const runs = mergeRuns(known, runsOf(field, same))
  const isSame = winner === kept && toCanonicalJson(runs) === toCanonicalJson(mergeRuns(known, known))
  return isSame ? kept : { ...winner, runs }
}

/** The upstream repeats a hash that was replaced here by a stronger one: the stronger one stays in its place. */
function asReplaced(field: string, kept: Claim<unknown>, offered: Claim<unknown>): Claim<unknown> {
  if (kept.replaced === undefined || runKey(field, offered) !== kept.replaced) return offered
  return { ...offered, value: kept.value, replaced: kept.replaced }
}

/** Two tellings of one event should be the same; where they are not, the value decides on every machine alike. */
function compareValues(a: Claim<unknown>, b: Claim<unknown>): number {
  const [left, right] = [a, b].map(({ value, isUnverified }) =>
    toCanonicalJson([value, isUnverified ?? false]),
  )
  return String(left) < String(right) ? -1 : left === right ? 0 : 1
}

function isEmpty(value: unknown): boolean {
  return value === null || value === false || value === ''
}

/**
 * Whether a telling makes a difference: another value, or something that was gone is back. The same again, of a later
 * time, does not.
 */
export function wouldDiffer<Fields>(
  known: Facts<Fields>,
  told: Facts<Fields>,
  keeps: KeepsOf<Fields>,
): boolean {
  const merged = mergeFacts(known, told, keeps)
  if (isDeleted(known) !== isDeleted(merged) || isVanished(known) !== isVanished(merged)) return true
  return Object.entries(merged.claims).some(([field, claim]) => {
    const before = known.claims[field as keyof Fields]
    return claim !== before && (!before || compareValues(claim as Claim<unknown>, before) !== 0)
  })
}
