import type { UserChange } from './change.ts'
import { isDeleted, isVanished } from './facts.ts'
import { inheritOverrides, withOverrides, withoutOverrides } from './overrides.ts'
import type { FieldOwnership } from './ownership.ts'
import { type Person, projectFields } from './person.ts'
import { bestPresence, presenceOf, withPresence } from './presence.ts'
import {
  addressAt,
  createRecord,
  isAddressRecord,
  isNews,
  type Keeps,
  mergeChange,
  type Place,
  placeOf,
  recordKey,
  type UpstreamRecord,
} from './record.ts'
import { inFull, keyRecords } from './standing.ts'

/** Which way a change went; logged as `upsert.conflict`. */
export type UpsertPath = 'created' | 'updated' | 'rekeyed' | 'linked_by_email' | 'stale' | 'tombstoned'

/**
 * The records and people that a change can touch: every record and person of the places involved, and every record
 * linked to one of those people. `applyChange` writes into it.
 */
export interface World {
  records: Map<string, UpstreamRecord>
  people: Map<string, Person>
}

export interface Rules {
  ownership: FieldOwnership
  createId: () => string
}

export interface Applied {
  path: UpsertPath
  /** False for what was known already, or was overtaken by newer news. */
  hadEffect: boolean
  /** The person that the record stands for now, if it stands for anybody. */
  userId: string | null
}

/**
 * Takes one change into the world. A person is the set of records in one place, so the people that remain depend on
 * the set of changes alone, in whatever order and how often they arrive.
 */
export function applyChange(world: World, change: UserChange, rules: Rules): Applied {
  const key = recordKey(change)
  const keeps = keepsOf(rules)
  const known = world.records.get(key) ?? createRecord(change.upstream, change.externalId)
  const record = mergeChange(known, change, keeps)
  const [before, after] = [placeOf(known), placeOf(record)]
  if (record !== known) world.records.set(key, record)

  const members = after === undefined ? [] : membersOf(world, after)
  const full = inFull(record, members, keeps)
  const isTold = isNews(known, record) || isAwaited(members, known, record) || isLost(world, full, after)
  const settled = isTold && after !== undefined ? settle(world, after, rules) : undefined
  if (before !== undefined && before !== after) settle(world, before, rules)
  if (after === undefined) release(world, key)
  retireOrphan(world, known.userId)

  const userId = world.records.get(key)?.userId ?? null
  markReplaced(world, known.userId, userId)
  const path = findPath()
  const isOvertaken = path === 'stale' || (path === 'tombstoned' && change.type !== 'user.deleted')
  return { path, hadEffect: isTold && !isOvertaken, userId }

  function findPath(): UpsertPath {
    if (isDeleted(full)) return 'tombstoned'
    if (!isTold || change.type === 'user.deleted' || settled?.superseded.has(key)) return 'stale'
    if (change.type === 'user.vanished' && !isVanished(full)) return 'stale'
    if (settled?.isNew) return 'created'
    return known.userId === userId ? 'updated' : (settled?.joined ?? 'updated')
  }
}

/** Fields that people own here keep the first that they were told. */
export function keepsOf({ ownership }: Pick<Rules, 'ownership'>): Keeps {
  return (field) => (ownership[field] === 'local' ? 'first' : 'newest')
}

function membersOf(world: World, place: Place): UpstreamRecord[] {
  return [...world.records.values()].filter((record) => placeOf(record) === place)
}

interface Settled {
  isNew: boolean
  /** How a record joins a person who was here before it. */
  joined: 'rekeyed' | 'linked_by_email'
  superseded: Set<string>
}

/** Makes the person of one place agree with its records: found, created, changed, or deleted. */
function settle(world: World, place: Place, rules: Rules): Settled {
  const members = membersOf(world, place)
  const keys = keyRecords(members)
  const superseded = members.filter((record) => !keys.includes(record) && !isAddressRecord(record))
  const found = findPerson(world, place, keys)
  const settled: Settled = {
    isNew: found === undefined,
    joined: superseded.some((record) => record.userId !== null && record.userId === found?.id)
      ? 'rekeyed'
      : 'linked_by_email',
    superseded: new Set(superseded.map(recordKey)),
  }
  const [voices = [], fillers = []] = [keys, superseded].map((records) =>
    records.map((record) => inFull(record, members, keepsOf(rules))),
  )
  const presence = bestPresence(voices)
  const id =
    members.length === 0 ? undefined : (found?.id ?? (presence === 'deleted' ? undefined : rules.createId()))
  if (id !== undefined) {
    // Who is gone has no say while anybody is left; a record that was superseded only fills what the others leave open.
    const heard = [voices, fillers].map((records) => records.filter((one) => presenceOf(one) === presence))
    // Whoever gets a deleted person's address under a record of their own gets no password that was set here.
    const isSame = found?.status !== 'deleted' || keys.some((record) => record.userId === id)
    const local = isSame && found ? withoutOverrides(found) : undefined
    const { fields, provenance } = projectFields(heard, local, rules.ownership)
    const projected = withPresence({ ...fields, id, emailCanonical: addressAt(place), provenance }, voices)
    world.people.set(id, withOverrides(projected, found?.overrides))
  }

  retireHolders(world, place, id)
  for (const record of members) {
    const stands = keys.includes(record) || isAddressRecord(record)
    const userId = stands && id !== undefined ? id : findOwn(world, record, place, id)
    if (userId !== record.userId) world.records.set(recordKey(record), { ...record, userId })
  }
  return settled
}

/** A complete listing missed somebody, and this is the first sight since of a record with their address. */
function isAwaited(members: UpstreamRecord[], before: UpstreamRecord, after: UpstreamRecord): boolean {
  return members.some(
    ({ upstream, vanished }) =>
      upstream === after.upstream && vanished && before.seenAt < vanished.at && vanished.at <= after.seenAt,
  )
}

/** The person's row is gone: any word of them brings it back, old as it may be. */
function isLost(world: World, record: UpstreamRecord, place: Place | undefined): boolean {
  if (place === undefined || record.userId !== null || isDeleted(record)) return false
  return ![...world.people.values()].some((person) => person.emailCanonical === place)
}

/** Whoever else was found under the address is not any more: no record stands for them. */
function retireHolders(world: World, place: Place, except?: string): void {
  for (const person of world.people.values()) {
    if (person.id !== except && person.emailCanonical === place) retire(world, person)
  }
}

/** An account that had no address has joined somebody: its own person is nobody any more. */
function retireOrphan(world: World, id: string | null): void {
  const person = world.people.get(id ?? '')
  if (!person || person.emailCanonical !== null || person.status === 'deleted') return
  const isTheirs = (record: UpstreamRecord) => record.userId === person.id && isHomeless(placeOf(record))
  if (![...world.records.values()].some(isTheirs)) retire(world, person)
}

/** A place that is an account and no address. */
function isHomeless(place: Place | undefined): boolean {
  return place !== undefined && addressAt(place) === null
}

/** A record without a place stands for nobody; whose it was is remembered while nobody else is. */
function release(world: World, key: string): void {
  const record = world.records.get(key)
  if (!record || record.userId === null) return
  const isTheirs = (one: UpstreamRecord) => one !== record && one.userId === record.userId
  const isTaken = [...world.records.values()].some((one) => isTheirs(one) && placeOf(one) !== undefined)
  if (isTaken) world.records.set(key, { ...record, userId: null })
}

/** Hosts keep ids: whoever was retired because their record joined somebody says whom. */
function markReplaced(world: World, from: string | null, to: string | null): void {
  const person = world.people.get(from ?? '')
  if (to === null || from === to || !person || person.status !== 'deleted' || person.replacedBy) return
  world.people.set(person.id, { ...person, replacedBy: to })
  const heir = world.people.get(to)
  if (heir) world.people.set(to, inheritOverrides(heir, person.overrides))
}

function retire(world: World, person: Person): void {
  world.people.set(person.id, { ...person, status: 'deleted', emailCanonical: null })
}

/** A record that does not stand for its address keeps the person, if any, whom no other record stands for. */
function findOwn(world: World, record: UpstreamRecord, place: Place, id: string | undefined): string | null {
  const own = record.userId === null || record.userId === id ? undefined : world.people.get(record.userId)
  return own && !isTaken(world, own, place) ? own.id : null
}

/** By upstream id first: the person whom the records are linked to moves with them. Then by address. */
function findPerson(world: World, place: Place, keys: UpstreamRecord[]): Person | undefined {
  const isFree = (person: Person) => !isTaken(world, person, place)
  const linked = keys.flatMap((record) => world.people.get(record.userId ?? '') ?? []).filter(isFree)
  const named = [...world.people.values()].filter(
    (person) => person.emailCanonical === place && isFree(person),
  )
  const living = named.filter((person) => person.status !== 'deleted')
  // Who had no address before joins whoever is there already.
  const isNewcomer = linked.every((person) => person.emailCanonical === null)
  return oldest(isNewcomer ? [...linked, ...living] : linked) ?? oldest(named)
}

function oldest(people: Person[]): Person | undefined {
  return people.sort((a, b) => (a.id < b.id ? -1 : 1))[0]
}

/** True while another place has a record that stands for this person; people move with their records. */
function isTaken(world: World, person: Person, place: Place): boolean {
  for (const record of world.records.values()) {
    const isTheirs = record.userId === person.id && !isAddressRecord(record)
    const at = placeOf(record)
    if (isTheirs && at !== undefined && at !== place) return true
  }
  return false
}
