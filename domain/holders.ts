import type { Person } from './person.ts'
import { presenceOf } from './presence.ts'
import { bornAt, isAddressRecord, isVerified, type Keeps, type Place, type UpstreamRecord } from './record.ts'
import { inFull, type Standing } from './standing.ts'
import { isTaken, membersOf, type World } from './world.ts'

export interface Succession {
  keeps: Keeps
  /** How long after a record is gone another one may be made that continues its person. Milliseconds. */
  windowMs: number
}

/**
 * The person of a place: who lives there by a record that stands; else the person of a record that has come here; else
 * whom the address finds, if the records that stand may continue them.
 */
export function findPerson(
  world: World,
  place: Place,
  { keys }: Standing,
  succession: Succession,
): Person | undefined {
  const isFree = (person: Person) => !isTaken(world, person, place, succession.keeps)
  const linked = keys.flatMap(({ userId }) => world.people.get(userId ?? '') ?? []).filter(isFree)
  const isNewcomer = (person: Person) => person.emailCanonical === null && person.status !== 'deleted'
  // A person whose record moves to an address that others have gets nothing of theirs.
  const holders = linked.filter((person) => person.emailCanonical === place && person.status !== 'deleted')
  if (holders.length > 0) return oldest([...holders, ...linked.filter(isNewcomer)])
  const named = [...world.people.values()].filter(
    (person) =>
      person.emailCanonical === place &&
      isFree(person) &&
      (linked.includes(person) || mayContinue(world, person, place, keys, succession)),
  )
  const living = named.filter((person) => person.status !== 'deleted')
  // An account that had no address before joins whoever is there already.
  return oldest(linked.every(isNewcomer) ? [...linked, ...living] : linked) ?? oldest(named)
}

/** Whether records that stand for a place may stand for this person, whom its address finds, from now on. */
function mayContinue(
  world: World,
  person: Person,
  place: Place,
  keys: UpstreamRecord[],
  { keeps, windowMs }: Succession,
): boolean {
  const members = membersOf(world, place)
  const theirs = members.filter((record) => record.userId === person.id)
  const isProven = (record: UpstreamRecord) => isVerified(record) && !isAddressRecord(record)
  const proofs = theirs.filter(isProven)
  const isAfter = (record: UpstreamRecord) => {
    if (isAddressRecord(record)) return true
    const goneAt = findGoneAt(inFull(record, members, keeps))
    return goneAt !== undefined && keys.some((key) => bornAt(key) <= goneAt + windowMs)
  }
  // What is verified joins who is not; otherwise a record of the same standing has to be gone.
  if (keys.some(isVerified)) return proofs.length === 0 || proofs.some(isAfter)
  return !theirs.some(isVerified) && theirs.some(isAfter)
}

/** Undefined for a record that is there. */
function findGoneAt(record: UpstreamRecord): number | undefined {
  const presence = presenceOf(record)
  if (presence === 'deleted') return record.deleted?.at
  return presence === 'vanished' ? record.vanished?.at : undefined
}

/** A person who is known here alone has the address: unverified records do not get at them. */
export function isHeldHere(world: World, place: Place, { keys }: Standing): boolean {
  if (keys.length === 0 || keys.some(isVerified)) return false
  const isLinked = (person: Person) =>
    [...world.records.values()].some((record) => record.userId === person.id)
  return [...world.people.values()].some(
    (person) => person.emailCanonical === place && person.status !== 'deleted' && !isLinked(person),
  )
}

function oldest(people: Person[]): Person | undefined {
  return people.sort((a, b) => (a.id < b.id ? -1 : 1))[0]
}
