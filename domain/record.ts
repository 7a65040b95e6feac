import type { Change, FieldName, PersonFields } from './change.ts'
import { type CanonicalEmail, canonicalEmail, toCanonicalEmail } from './email.ts'
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
  vanished: Stamp | undefined
  /** The last moment at which upstream was seen to have the record. Milliseconds since 1970, 0 for never. */
  seenAt: number
}

/** Which claim a field keeps: the newest, or for fields that people own here, the first that was not empty. */
export type Keeps = (field: FieldName) => 'newest' | 'first'

const addressPrefix = 'mailto:'

/** The record of news that name an address and no id: whoever has the address upstream. */
export function addressRecordId(email: CanonicalEmail): string {
  return `${addressPrefix}${email}`
}

export function isAddressRecord(record: { externalId: string }): boolean {
  return addressOf(record) !== undefined
}

/** Any other spelling is an id like others: an address has one record. */
function addressOf({ externalId }: { externalId: string }): CanonicalEmail | undefined {
  if (!externalId.startsWith(addressPrefix)) return undefined
  const named = externalId.slice(addressPrefix.length)
  const email = toCanonicalEmail(named)
  return email === named ? email : undefined
}

export function createRecord(upstream: string, externalId: string): UpstreamRecord {
  const nothing = { created: undefined, deleted: undefined, vanished: undefined, seenAt: 0 }
  return { upstream, externalId, userId: null, claims: {}, ...nothing }
}

/** A deletion holds until the upstream says `created` at a later time; at the same time the deletion wins. */
export function isDeleted(record: UpstreamRecord): boolean {
  return record.deleted !== undefined && !(record.created && record.created.at > record.deleted.at)
}

/** Whether a complete listing missed the record, and nobody has seen it since. */
export function isVanished(record: UpstreamRecord): boolean {
  return record.vanished !== undefined && record.vanished.at > record.seenAt
}

/** The address that the record stands for, if it ever named one. */
export function recordEmail(record: UpstreamRecord): CanonicalEmail | undefined {
  if (!emails.has(record)) emails.set(record, findEmail(record))
  return emails.get(record)
}

/** A record never changes, and its address is asked for again and again. */
const emails = new WeakMap<UpstreamRecord, CanonicalEmail | undefined>()

function findEmail(record: UpstreamRecord): CanonicalEmail | undefined {
  const named = record.claims.email?.value
  return addressOf(record) ?? (named === undefined ? undefined : canonicalEmail(named))
}

/** Whether two states of a record differ in more than in when it was last seen. */
export function isNews(before: UpstreamRecord | undefined, after: UpstreamRecord): boolean {
  const parts = ['userId', 'claims', 'created', 'deleted', 'vanished'] as const
  return !before || parts.some((part) => before[part] !== after[part])
}

/** Takes a change in: commutative, associative and idempotent. Returns the same object when nothing was told. */
export function mergeChange(record: UpstreamRecord, change: Change, keeps: Keeps): UpstreamRecord {
  return mergeRecords(record, toRecord(change), keeps)
}

/** What one change says by itself. */
function toRecord(change: Change): UpstreamRecord {
  const { stamp } = change
  const record = createRecord(change.upstream, change.externalId)
  if (change.type === 'user.deleted') return { ...record, deleted: stamp }
  if (change.type === 'user.vanished') return { ...record, vanished: stamp }
  const told = Object.entries(change.fields).map(([field, value]) => [field, { ...stamp, value }])
  const seenAt = Math.max(stamp.at, change.readAt ?? 0)
  return {
    ...record,
    claims: Object.fromEntries(told) as Claims,
    created: change.created ? stamp : undefined,
    seenAt,
  }
}

/** All that two records know together, under the name of the first; the first itself if the second adds nothing. */
export function mergeRecords(record: UpstreamRecord, other: UpstreamRecord, keeps: Keeps): UpstreamRecord {
  const merged: UpstreamRecord = {
    ...record,
    claims: mergeClaims(record.claims, other.claims, keeps),
    created: newerStamp(record.created, other.created),
    deleted: newerStamp(record.deleted, other.deleted),
    vanished: newerStamp(record.vanished, other.vanished),
    seenAt: Math.max(record.seenAt, other.seenAt),
  }
  return isNews(record, merged) || merged.seenAt !== record.seenAt ? merged : record
}

function mergeClaims(claims: Claims, others: Claims, keeps: Keeps): Claims {
  const better = Object.entries(others).filter(([name, claim]) => {
    const field = name as FieldName
    return isBetter(claim, claims[field], keeps(field))
  })
  return better.length === 0 ? claims : { ...claims, ...Object.fromEntries(better) }
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
