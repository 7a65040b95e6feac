import type { FieldName, UserChange } from './change.ts'
import { isDeleted, isVanished } from './facts.ts'
import { findPerson, isHeldHere } from './holders.ts'
import { inheritOverrides, withOverrides, withoutOverrides } from './overrides.ts'
import type { FieldOwnership } from './ownership.ts'
import { type LocalValue, organizationsOf, type Person, projectFields } from './person.ts'
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
  saysAnew,
  type UpstreamRecord,
} from './record.ts'
import { compareStamps } from './stamp.ts'
import { inFull, type Standing, standingOf } from './standing.ts'
import { accountPlace, isTaken, membersOf, standsAt, type World } from './world.ts'

export type { World } from './world.ts'

const dayMs = 86_400_000

/** Which way a change went; logged as `upsert.conflict`. */
export type UpsertPath = 'created' | 'updated' | 'rekeyed' | 'linked_by_email' | 'stale' | 'tombstoned'

export interface Rules {
  ownership: FieldOwnership
  /**
   * A record that was made no later than this after the one that held its address was gone continues the same person;
   * a later one is a new person. Milliseconds, by default a day.
   */
  rekeyWindowMs?: number
  createId: () => string
}

export interface Applied {
  path: UpsertPath
  /** False for what was known already, or was overtaken by newer news. */
  hadEffect: boolean
  /** The person that the record stands for now, if it stands for anybody. */
  userId: string | null
  /** The id of the record of the same upstream that has the address: this one is a duplicate of it. */
  duplicateOf: string | null
}

/**
 * Takes one change into the world. A person is the set of records in one place that have a say there, so the people that
 * remain depend on the set of changes alone, in whatever order and how often they arrive.
 */
export function applyChange(world: World, change: UserChange, rules: Rules): Applied {
  const key = recordKey(change)
  const keeps = keepsOf(rules)
  const known = world.records.get(key) ?? createRecord(change.upstream, change.externalId)
  const record = mergeChange(known, change, keeps)
  const [before, after] = [placeOf(known), placeOf(record)]
  if (record !== known) world.records.set(key, record)

  const members = after === undefined ? [] : membersOf(world, after)
  const full = inFull(aboutOf(record, members, after, keeps), members, keeps)
  const isBack = isAwaited(members, known, record) || isLost(world, full, after)
  const isTold = isBack || saysAnew(known, record)
  const isSettled = after !== undefined && (isBack || isNews(known, record))
  const settled = isSettled ? settle(world, after, rules) : undefined
  if (before !== undefined && before !== after) settle(world, before, rules)
  if (after === undefined) release(world, key)
  retireOrphan(world, known.userId, keeps)

  const userId = world.records.get(key)?.userId ?? null
  markReplaced(world, known.userId, userId)
  const path = findPath()
  const isOvertaken = path === 'stale' || (path === 'tombstoned' && change.type !== 'user.deleted')
  return { path, hadEffect: isTold && !isOvertaken, userId, duplicateOf: findRival() }

  function findPath(): UpsertPath {
    if (isDeleted(full)) return 'tombstoned'
    if (!isTold || change.type === 'user.deleted' || settled?.silent.has(key)) return 'stale'
    if (change.type === 'user.vanished' && !isVanished(full)) return 'stale'
    if (settled?.created.has(key)) return 'created'
    return known.userId === userId ? 'updated' : (settled?.joined ?? 'updated')
  }

  function findRival(): string | null {
    if (after === undefined || addressAt(after) === null || isAddressRecord(record)) return null
    const { keys } = standingOf(membersOf(world, after), after, keeps)
    const rival = keys.find(({ upstream }) => upstream === change.upstream)
    return !rival || rival.externalId === change.externalId ? null : rival.externalId
  }
}

/**
 * Sets a value here. It counts as the owner of the field has it: a person known here alone has it at once, for others it
 * is weighed against what their records say.
 */
export function applyLocalValue(
  world: World,
  userId: string,
  field: FieldName,
  value: LocalValue,
  rules: Rules,
): void {
  const person = world.people.get(userId)
  const known = person?.local?.[field]
  if (!person || (known && compareStamps(known, value) >= 0)) return
  const changed: Person = { ...person, local: { ...person.local, [field]: value } }
  world.people.set(userId, changed)
  const standing = [...world.records.values()].find((record) => record.userId === userId)
  const place = standing && placeOf(standing)
  if (place !== undefined) settle(world, place, rules)
  else {
    const own = withoutOverrides(changed)
    const { fields, provenance } = projectFields([], own, rules.ownership)
    world.people.set(userId, withOverrides({ ...own, ...fields, provenance }, changed.overrides))
  }
}

/** Fields that people own here keep the first that they were told. */
export function keepsOf({ ownership }: Pick<Rules, 'ownership'>): Keeps {
  return (field) => {
    // The organizations of a user are the upstream's alone to say.
    if (field === 'organizations') return 'newest'
    if (field !== 'email' && ownership[field] === 'local') return 'first'
    return field === 'email' || ownership[field] === 'newest' ? 'newest since' : 'newest'
  }
}

/** News of an address are news of whoever has it in that upstream. */
function aboutOf(
  record: UpstreamRecord,
  members: UpstreamRecord[],
  place: Place | undefined,
  keeps: Keeps,
): UpstreamRecord {
  if (place === undefined || !isAddressRecord(record)) return record
  const { keys } = standingOf(members, place, keeps)
  return keys.find(({ upstream }) => upstream === record.upstream) ?? record
}

interface Settled {
  /** The records for which a person was made. */
  created: Set<string>
  /** How a record joins a person who was here before it. */
  joined: 'rekeyed' | 'linked_by_email'
  silent: Set<string>
}

/** Makes the people of one place agree with its records: found, created, changed, or deleted. */
function settle(world: World, place: Place, rules: Rules): Settled {
  const keeps = keepsOf(rules)
  const members = membersOf(world, place)
  const standing = standingOf(members, place, keeps)
  const { keys, alone, silent } = standing
  const isHeld = isHeldHere(world, place, standing)
  const found = isHeld
    ? undefined
    : findPerson(world, place, standing, { keeps, windowMs: rules.rekeyWindowMs ?? dayMs })
  const voices = keys.map((record) => inFull(record, members, keeps))
  const isThere = keys.length > 0 && !isHeld && (found !== undefined || bestPresence(voices) !== 'deleted')
  const id = isThere ? (found?.id ?? rules.createId()) : undefined
  const settled: Settled = {
    created: new Set(found ? [] : members.map(recordKey)),
    joined: isRekeyed(members, standing, found) ? 'rekeyed' : 'linked_by_email',
    silent: new Set(silent.map(recordKey)),
  }
  if (id !== undefined) {
    // Whoever gets a deleted person's address under a record of their own gets no password that was set here.
    const isSame = found?.status !== 'deleted' || keys.some((record) => record.userId === id)
    const projected = project(id, voices, { place, known: isSame ? found : undefined }, rules)
    world.people.set(id, withOverrides(projected, found?.overrides))
  }
  for (const record of alone) settleAlone(world, record, id, rules, settled)
  if (!isHeld) retireHolders(world, place, id)
  for (const record of members) {
    if (alone.includes(record)) continue
    const stands = !silent.includes(record) && id !== undefined
    link(world, record, stands ? id : findOwn(world, record, place, id, keeps))
  }
  for (const { userId } of members) retireOrphan(world, userId, keeps)
  for (const before of members) {
    markReplaced(world, before.userId, world.records.get(recordKey(before))?.userId ?? null)
  }
  return settled
}

/** A duplicate that is an account stands for a person of its own, whom no address finds. */
function settleAlone(
  world: World,
  record: UpstreamRecord,
  except: string | undefined,
  rules: Rules,
  settled: Settled,
): void {
  const keeps = keepsOf(rules)
  const place = accountPlace(record)
  const linked = world.people.get(record.userId ?? '')
  const own = linked && linked.id !== except && !isTaken(world, linked, place, keeps) ? linked : undefined
  const id = own?.id ?? rules.createId()
  if (own) settled.created.delete(recordKey(record))
  else settled.created.add(recordKey(record))
  world.people.set(id, withOverrides(project(id, [record], { place, known: own }, rules), own?.overrides))
  link(world, record, id)
}

/** Who is gone has no say while anybody is left. */
function project(
  id: string,
  voices: UpstreamRecord[],
  { place, known }: { place: Place; known: Person | undefined },
  rules: Rules,
): Person {
  const presence = bestPresence(voices)
  const heard = voices.filter((voice) => presenceOf(voice) === presence)
  const { fields, provenance } = projectFields(heard, known && withoutOverrides(known), rules.ownership)
  const organizations = organizationsOf(heard)
  const person: Person = { ...fields, id, emailCanonical: addressAt(place), provenance, organizations }
  return withPresence(known?.local ? { ...person, local: known.local } : person, voices)
}

function link(world: World, record: UpstreamRecord, userId: string | null): void {
  if (userId !== record.userId) world.records.set(recordKey(record), { ...record, userId })
}

function isRekeyed(members: UpstreamRecord[], { keys }: Standing, found: Person | undefined): boolean {
  return members.some((record) => {
    const isFormer = !keys.includes(record) && !isAddressRecord(record) && record.userId === found?.id
    return isFormer && keys.some(({ upstream }) => upstream === record.upstream)
  })
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

/** The last record of a person has joined another one: no record stands for them any more. */
function retireOrphan(world: World, id: string | null, keeps: Keeps): void {
  const person = world.people.get(id ?? '')
  if (!person || person.status === 'deleted') return
  const isTheirs = (record: UpstreamRecord) => {
    if (record.userId !== person.id) return false
    return person.emailCanonical !== null || isHomeless(standsAt(world, record, keeps))
  }
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
  const hasOther = [...world.records.values()].some((one) => isTheirs(one) && placeOf(one) !== undefined)
  if (hasOther) world.records.set(key, { ...record, userId: null })
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

/** A record that has no say keeps the person, if any, whom no other record stands for. */
function findOwn(
  world: World,
  record: UpstreamRecord,
  place: Place,
  id: string | undefined,
  keeps: Keeps,
): string | null {
  const own = record.userId === null || record.userId === id ? undefined : world.people.get(record.userId)
  return own && !isTaken(world, own, place, keeps) ? own.id : null
}
