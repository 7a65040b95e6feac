import type { Change, FieldName, PersonFields } from './change.ts'
import { type CanonicalEmail, canonicalEmail } from './email.ts'
import { compareStamps, newerStamp, type Stamp } from './stamp.ts'

export interface Claim<T> extends Stamp {
  value: T
}

export type Claims = { [Field in FieldName]?: Claim<PersonFields[Field]> }

/** Everything that one record of an upstream ever said, boiled down so that order and repetition do not matter. */
export interface UpstreamRecord {
  upstream: string
  externalId: string
  userId: string | null
  claims: Claims
  created: Stamp | undefined
  deleted: Stamp | undefined
}

/** Which claim a field keeps: the newest, or for fields that people own here, the first that was not empty. */
export type Keeps = (field: FieldName) => 'newest' | 'first'

export function createRecord(upstream: string, externalId: string): UpstreamRecord {
  return { upstream, externalId, userId: null, claims: {}, created: undefined, deleted: undefined }
}

/** A deletion holds until the upstream says `created` at a later time; at the same time the deletion wins. */
export function isDeleted(record: UpstreamRecord): boolean {
  return record.deleted !== undefined && !(record.created && record.created.at > record.deleted.at)
}

/** The address that the record stands for, if it ever named one. */
export function recordEmail(record: UpstreamRecord): CanonicalEmail | undefined {
  return record.claims.email && canonicalEmail(record.claims.email.value)
}

/** Takes a change in: commutative, associative and idempotent. Returns the same object when nothing was news. */
export function mergeChange(record: UpstreamRecord, change: Change, keeps: Keeps): UpstreamRecord {
  if (change.type === 'user.deleted') {
    const deleted = newerStamp(record.deleted, change.stamp)
    return deleted === record.deleted ? record : { ...record, deleted }
  }
  const created = change.created ? newerStamp(record.created, change.stamp) : record.created
  const claims: Record<string, unknown> = { ...record.claims }
  let news = created !== record.created
  for (const [field, value] of Object.entries(change.fields) as [FieldName, unknown][]) {
    const kept = record.claims[field]
    const offered = { ...change.stamp, value }
    if (!isBetter(offered, kept, keeps(field))) continue
    claims[field] = offered
    news = true
  }
  return news ? { ...record, created, claims } : record
}

function isBetter(
  offered: Claim<unknown>,
  kept: Claim<unknown> | undefined,
  keeps: 'newest' | 'first',
): boolean {
  if (keeps === 'first' && isEmpty(offered.value)) return false
  if (!kept) return true
  const order = compareStamps(offered, kept) || compareValues(offered.value, kept.value)
  return keeps === 'newest' ? order > 0 : order < 0
}

/** Two tellings of one event should be the same; where they are not, the value decides on every machine alike. */
function compareValues(a: unknown, b: unknown): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function isEmpty(value: unknown): boolean {
  return value === null || value === false || value === ''
}
