import { compareStamps, newerStamp, type Stamp } from './stamp.ts'

export interface Claim<T> extends Stamp {
  value: T
  /** Of an address: upstream has not made sure that it is theirs. */
  isUnvouched?: true
}

export type ClaimsOf<Fields> = { [Field in keyof Fields]?: Claim<Fields[Field]> }

/** Everything that upstream ever said of one thing, boiled down so that order and repetition do not matter. */
export interface Facts<Fields> {
  claims: ClaimsOf<Fields>
  created: Stamp | undefined
  deleted: Stamp | undefined
  vanished: Stamp | undefined
  /** The last moment at which upstream was seen to have it. Milliseconds since 1970, 0 for never. */
  seenAt: number
}

/** Which claim a field keeps: the newest, or for fields that people own here, the first that was not empty. */
export type KeepsOf<Fields> = (field: keyof Fields) => 'newest' | 'first'

export const keepsNewest = () => 'newest' as const

export const noFacts: Facts<unknown> = {
  claims: {},
  created: undefined,
  deleted: undefined,
  vanished: undefined,
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
}

/** What one change says by itself. */
export function toFacts<Fields>({ type, stamp, created, fields, readAt }: Told<Fields>): Facts<Fields> {
  if (type.endsWith('.deleted')) return { ...noFacts, deleted: stamp }
  if (type.endsWith('.vanished')) return { ...noFacts, vanished: stamp }
  const told = Object.entries(fields ?? {}).map(([field, value]) => [field, { ...stamp, value }])
  return {
    ...noFacts,
    claims: Object.fromEntries(told) as ClaimsOf<Fields>,
    created: created ? stamp : undefined,
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
    seenAt: Math.max(facts.seenAt, other.seenAt),
  }
  return isToldMore(facts, merged) || merged.seenAt !== facts.seenAt ? merged : facts
}

/** Whether two states differ in more than in when it was last seen. */
export function isToldMore<Fields>(before: Facts<Fields>, after: Facts<Fields>): boolean {
  const parts = ['claims', 'created', 'deleted', 'vanished'] as const
  return parts.some((part) => before[part] !== after[part])
}

function mergeClaims<Fields>(
  claims: ClaimsOf<Fields>,
  others: ClaimsOf<Fields>,
  keeps: KeepsOf<Fields>,
): ClaimsOf<Fields> {
  const better = Object.entries(others).filter(([name, claim]) => {
    const field = name as keyof Fields
    return isBetter(claim as Claim<unknown>, claims[field], keeps(field))
  })
  return better.length === 0 ? claims : { ...claims, ...(Object.fromEntries(better) as ClaimsOf<Fields>) }
}

function isBetter(
  offered: Claim<unknown>,
  kept: Claim<unknown> | undefined,
  keeps: 'newest' | 'first',
): boolean {
  if (keeps === 'first' && isEmpty(offered.value)) return false
  if (!kept) return true
  const order = compareStamps(offered, kept) || compareValues(offered, kept)
  return keeps === 'newest' ? order > 0 : order < 0
}

/** Two tellings of one event should be the same; where they are not, the value decides on every machine alike. */
function compareValues(a: Claim<unknown>, b: Claim<unknown>): number {
  const [left, right] = [a, b].map(({ value, isUnvouched }) => toCanonicalJson([value, isUnvouched ?? false]))
  return String(left) < String(right) ? -1 : left === right ? 0 : 1
}

/** The same text for equal values: what comes from the database has its keys in an order of its own. */
export function toCanonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
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
