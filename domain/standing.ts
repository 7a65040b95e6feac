import { type Presence, presenceOf } from './presence.ts'
import {
  addressAt,
  type Claims,
  isAddressRecord,
  isVerified,
  type Keeps,
  mergeRecords,
  namedSince,
  type Place,
  type UpstreamRecord,
} from './record.ts'
import { runsAfter } from './runs.ts'

/** How the records of one place share it. */
export interface Standing {
  /** Those that have a say, one of each upstream. */
  keys: UpstreamRecord[]
  /** Accounts that are duplicates: each stands for itself, and its address is only shown. */
  alone: UpstreamRecord[]
  /** All others: duplicates, and unverified records beside a verified one. They stand for no one. */
  silent: UpstreamRecord[]
}

/**
 * While a record with a verified address is there, only such records have a say. Of several records of one upstream the
 * first that named the address stands until it is deleted, missing or moved away: a record that comes later takes nothing
 * from it. The record of the address itself stands only where there is no other.
 */
export function standingOf(members: UpstreamRecord[], place: Place, keeps: Keeps): Standing {
  const heard = heardOf(members, keeps)
  const keys = new Map<string, UpstreamRecord>()
  for (const record of heard) {
    const rival = keys.get(record.upstream)
    if (!rival || standsBefore(record, rival, members, keeps)) keys.set(record.upstream, record)
  }
  const others = members.filter((record) => keys.get(record.upstream) !== record && !isAddressRecord(record))
  const isAlone = (record: UpstreamRecord) =>
    addressAt(place) !== null && record.isAccount && presenceOf(record) === 'present'
  return {
    keys: [...keys.values()],
    alone: others.filter(isAlone),
    silent: [...others.filter((record) => !isAlone(record)), ...members.filter(isUnheardAddress)],
  }

  function isUnheardAddress(record: UpstreamRecord): boolean {
    return isAddressRecord(record) && !heard.includes(record)
  }
}

/** Verified records silence the others, unless all of them are deleted and one of the others is not. */
function heardOf(members: UpstreamRecord[], keeps: Keeps): UpstreamRecord[] {
  const verified = members.filter(isVerified)
  const unverified = members.filter(isUnverified)
  if (verified.length === 0 || unverified.length === 0) return members
  const isThere = (record: UpstreamRecord) => presenceOf(inFull(record, members, keeps)) !== 'deleted'
  const silenced = verified.some(isThere) || !unverified.some(isThere) ? unverified : verified
  return members.filter((record) => !silenced.includes(record))
}

function isUnverified(record: UpstreamRecord): boolean {
  return record.claims.email?.isUnverified === true
}

/** All that an upstream says of a record, be it by its id or, among the others of its address, by that alone. */
export function inFull(record: UpstreamRecord, members: UpstreamRecord[], keeps: Keeps): UpstreamRecord {
  if (isAddressRecord(record)) return record
  const ofAddress = members.find((one) => one.upstream === record.upstream && isAddressRecord(one))
  if (!ofAddress) return record
  // What an unverified address said is not said of who has verified it.
  const isAlike = ofAddress.claims.email === undefined || isVerified(ofAddress) === isVerified(record)
  const claims = isAlike ? claimsSinceDeletion(ofAddress) : {}
  return mergeRecords(record, { ...ofAddress, claims }, keeps)
}

/** What was said of an address before it was given up was said of somebody else. */
function claimsSinceDeletion({ claims, deleted }: UpstreamRecord): Claims {
  if (!deleted) return claims
  const since = Object.entries(claims).filter(([, claim]) => claim.at > deleted.at)
  return Object.fromEntries(
    since.map(([field, claim]) => {
      return [field, claim.runs ? { ...claim, runs: runsAfter(claim.runs, deleted.at) } : claim]
    }),
  )
}

const presences: readonly Presence[] = ['present', 'vanished', 'deleted']

function standsBefore(
  a: UpstreamRecord,
  b: UpstreamRecord,
  members: UpstreamRecord[],
  keeps: Keeps,
): boolean {
  if (isAddressRecord(a) || isAddressRecord(b)) return isAddressRecord(b)
  const rank = (record: UpstreamRecord) => presences.indexOf(presenceOf(inFull(record, members, keeps)))
  return (rank(a) - rank(b) || namedSince(a) - namedSince(b) || (a.externalId < b.externalId ? -1 : 1)) < 0
}
