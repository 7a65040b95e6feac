import type { RecordFields, UserChange, UserUpserted } from './change.ts'
import { type CanonicalEmail, canonicalEmail, toCanonicalEmail } from './email.ts'
import {
  type Claim,
  type ClaimsOf,
  type Facts,
  isToldAnew,
  isToldMore,
  type KeepsOf,
  mergeFacts,
  noFacts,
  toFacts,
} from './facts.ts'
import { runKey, sinceOf } from './runs.ts'

export type Claims = ClaimsOf<RecordFields>

export type Keeps = KeepsOf<RecordFields>

/** All that is known of one record of a person. */
export interface UpstreamRecord extends Facts<RecordFields> {
  upstream: string
  externalId: string
  userId: string | null
  /** It stands for a person with or without an address. */
  isAccount: boolean
}

const addressPrefix = 'mailto:'

export function recordKey(of: { upstream: string; externalId: string }): string {
  return `${of.upstream}\n${of.externalId}`
}

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
  return { upstream, externalId, userId: null, isAccount: false, ...noFacts }
}

/** The address by which the record's person is found, if it ever named one that is theirs. */
export function recordEmail(record: UpstreamRecord): CanonicalEmail | undefined {
  if (!emails.has(record)) emails.set(record, findEmail(record))
  return emails.get(record)
}

/** A record never changes, and its address is asked for again and again. */
const emails = new WeakMap<UpstreamRecord, CanonicalEmail | undefined>()

function findEmail(record: UpstreamRecord): CanonicalEmail | undefined {
  const { value = '', isUnverified } = record.claims.email ?? {}
  const named = addressOf(record)
  if (named || value === '') return named
  // An account stands for itself until its upstream has verified the address.
  if (isUnverified) return record.isAccount ? undefined : toCanonicalEmail(value)
  return canonicalEmail(value)
}

/** Whether upstream has verified the address that the record names. */
export function isVerified({ claims }: UpstreamRecord): boolean {
  return claims.email !== undefined && !claims.email.isUnverified
}

/** Since when the record has named its address without another in between. Milliseconds since 1970. */
export function namedSince({ claims }: UpstreamRecord): number {
  return claims.email ? sinceOf('email', claims.email) : 0
}

/** When upstream made the record, as far as it said so; else since when it has named its address. */
export function bornAt(record: UpstreamRecord): number {
  return record.born ?? record.created?.at ?? namedSince(record)
}

/** Where a record stands. Those in one place stand for one person: an address, or an account that has none. */
export type Place = CanonicalEmail | `\n${string}`

export function placeOf(record: UpstreamRecord): Place | undefined {
  return recordEmail(record) ?? (record.isAccount ? `\n${recordKey(record)}` : undefined)
}

/** The address that a place is, or null. */
export function addressAt(place: Place): CanonicalEmail | null {
  return isAddress(place) ? place : null
}

function isAddress(place: Place): place is CanonicalEmail {
  return !place.startsWith('\n')
}

/** Whether two states of a record differ in more than in when it was last seen. */
export function isNews(before: UpstreamRecord | undefined, after: UpstreamRecord): boolean {
  if (!before || before.userId !== after.userId || before.isAccount !== after.isAccount) return true
  return isToldMore(before, after)
}

/** Whether two states of a record differ in what it says, and not only in since when it has said so. */
export function saysAnew(before: UpstreamRecord, after: UpstreamRecord): boolean {
  return before.isAccount !== after.isAccount || isToldAnew(before, after)
}

/** Takes a change in: commutative, associative and idempotent. Returns the same object when nothing was told. */
export function mergeChange(record: UpstreamRecord, change: UserChange, keeps: Keeps): UpstreamRecord {
  return mergeRecords(record, { ...record, ...toRecordFacts(change) }, keeps)
}

/** What one change says by itself. */
export function toRecordFacts(change: UserChange): Facts<RecordFields> & { isAccount: boolean } {
  const facts = toFacts<RecordFields>(change)
  if (change.type !== 'user.upserted') return { ...facts, isAccount: false }
  const email = facts.claims.email && toEmailClaim(facts.claims.email, change)
  return {
    ...facts,
    claims: { ...facts.claims, ...(email && { email }) },
    isAccount: change.isAccount === true,
  }
}

/** Of several records with one address the first stands: one that is read is known from that moment, and not before. */
function toEmailClaim(claim: Claim<string>, { isUnverified, readAt = 0 }: UserUpserted): Claim<string> {
  const seenAt = Math.max(claim.at, readAt)
  return {
    ...claim,
    ...(isUnverified && { isUnverified }),
    ...(seenAt !== claim.at && { runs: [[runKey('email', claim), seenAt, seenAt]] }),
  }
}

/** All that two records know together, under the name of the first; the first itself if the second adds nothing. */
export function mergeRecords(record: UpstreamRecord, other: UpstreamRecord, keeps: Keeps): UpstreamRecord {
  const merged = mergeFacts<RecordFields, UpstreamRecord>(record, other, keeps)
  return merged.isAccount || !other.isAccount ? merged : { ...merged, isAccount: true }
}
