import { type Claims, isAddressRecord, type Keeps, mergeRecords, type UpstreamRecord } from './record.ts'
import { compareStamps } from './stamp.ts'

/**
 * One record of each upstream stands for the address that all of these share: the one that named it last. Re-keying
 * is nothing more. The record of the address itself does only where there is no other.
 */
export function keyRecords(members: UpstreamRecord[]): UpstreamRecord[] {
  const keys = new Map<string, UpstreamRecord>()
  for (const record of members) {
    const rival = keys.get(record.upstream)
    if (!rival || standsBefore(record, rival)) keys.set(record.upstream, record)
  }
  return [...keys.values()]
}

/** All that an upstream says of a record, be it by its id or, among the others of its address, by that alone. */
export function inFull(record: UpstreamRecord, members: UpstreamRecord[], keeps: Keeps): UpstreamRecord {
  const own = members.filter(({ upstream }) => upstream === record.upstream)
  const [about = record] = isAddressRecord(record) ? keyRecords(own) : []
  const ofAddress = own.find(isAddressRecord)
  if (!ofAddress || ofAddress === about) return about
  return mergeRecords(about, { ...ofAddress, claims: claimsSinceDeletion(ofAddress) }, keeps)
}

/** What was said of an address before it was given up was said of somebody else. */
function claimsSinceDeletion({ claims, deleted }: UpstreamRecord): Claims {
  if (!deleted) return claims
  return Object.fromEntries(Object.entries(claims).filter(([, claim]) => claim.at > deleted.at))
}

function standsBefore(a: UpstreamRecord, b: UpstreamRecord): boolean {
  return isAddressRecord(a) || isAddressRecord(b) ? isAddressRecord(b) : namedLater(a, b)
}

function namedLater(a: UpstreamRecord, b: UpstreamRecord): boolean {
  if (!a.claims.email || !b.claims.email) return a.claims.email !== undefined
  return (compareStamps(a.claims.email, b.claims.email) || (a.externalId < b.externalId ? -1 : 1)) > 0
}
