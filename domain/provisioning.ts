import type { Change } from './change.ts'
import type { CanonicalEmail } from './email.ts'
import type { FieldOwnership } from './ownership.ts'
import { type Person, projectFields } from './person.ts'
import { bestPresence, presenceOf, withPresence } from './presence.ts'
import {
  createRecord,
  isAddressRecord,
  isDeleted,
  isNews,
  isVanished,
  type Keeps,
  mergeChange,
  recordEmail,
  type UpstreamRecord,
} from './record.ts'
import { inFull, keyRecords } from './standing.ts'

/** Which way a change went; logged as `upsert.conflict`. */
export type UpsertPath = 'created' | 'updated' | 'rekeyed' | 'linked_by_email' | 'stale' | 'tombstoned'

/**
 * The records and people that a change can touch: every record and person of the addresses involved, and every
 * record linked to one of those people. `applyChange` writes into it.
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

export function recordKey(of: { upstream: string; externalId: string }): string {
  return `${of.upstream}\n${of.externalId}`
}

/**
 * Takes one change into the world. A person is the set of records that share a canonical address, so the people
 * that remain depend on the set of changes alone, in whatever order and how often they arrive.
 */
export function applyChange(world: World, change: Change, rules: Rules): Applied {
  const key = recordKey(change)
  const keeps = keepsOf(rules)
  const known = world.records.get(key) ?? createRecord(change.upstream, change.externalId)
  const record = mergeChange(known, change, keeps)
  const [before, after] = [recordEmail(known), recordEmail(record)]
  if (record !== known) world.records.set(key, record)

  const members = after === undefined ? [] : membersOf(world, after)
  const full = inFull(record, members, keeps)
  const isTold = isNews(known, record) || isAwaited(members, known, record) || isLost(world, full, after)
  const settled = isTold && after !== undefined ? settle(world, after, rules) : undefined
  if (before !== undefined && before !== after) settle(world, before, rules)

  const userId = world.records.get(key)?.userId ?? null
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

function keepsOf({ ownership }: Rules): Keeps {
  return (field) => (ownership[field] === 'local' ? 'first' : 'newest')
}

function membersOf(world: World, email: CanonicalEmail): UpstreamRecord[] {
  return [...world.records.values()].filter((record) => recordEmail(record) === email)
}

interface Settled {
  isNew: boolean
  /** How a record joins a person who was here before it. */
  joined: 'rekeyed' | 'linked_by_email'
  superseded: Set<string>
}

/** Makes the person of one address agree with its records: found, created, changed, or deleted. */
function settle(world: World, email: CanonicalEmail, rules: Rules): Settled {
  const members = membersOf(world, email)
  const keys = keyRecords(members)
  const superseded = members.filter((record) => !keys.includes(record) && !isAddressRecord(record))
  const found = findPerson(world, email, keys)
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
    const { fields, provenance } = projectFields(heard, isSame ? found : undefined, rules.ownership)
    world.people.set(id, withPresence({ ...fields, id, emailCanonical: email, provenance }, voices))
  }

  retireHolders(world, email, id)
  for (const record of members) {
    const stands = keys.includes(record) || isAddressRecord(record)
    const userId = stands && id !== undefined ? id : findOwn(world, record, email, id)
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
function isLost(world: World, record: UpstreamRecord, email: CanonicalEmail | undefined): boolean {
  if (email === undefined || record.userId !== null || isDeleted(record)) return false
  return ![...world.people.values()].some((person) => person.emailCanonical === email)
}

/** Whoever else was found under the address is not any more: no record stands for them. */
function retireHolders(world: World, email: CanonicalEmail, except?: string): void {
  for (const person of world.people.values()) {
    if (person.id === except || person.emailCanonical !== email) continue
    world.people.set(person.id, { ...person, status: 'deleted', emailCanonical: null })
  }
}

/** A record that does not stand for its address keeps the person, if any, whom no other record stands for. */
function findOwn(
  world: World,
  record: UpstreamRecord,
  email: CanonicalEmail,
  id: string | undefined,
): string | null {
  const own = record.userId === null || record.userId === id ? undefined : world.people.get(record.userId)
  return own && !isTaken(world, own, email) ? own.id : null
}

/** By upstream id first: the person whom the records are linked to moves with them. Then by address. */
function findPerson(world: World, email: CanonicalEmail, keys: UpstreamRecord[]): Person | undefined {
  const isFree = (person: Person) => !isTaken(world, person, email)
  const linked = keys.flatMap((record) => world.people.get(record.userId ?? '') ?? []).filter(isFree)
  const named = [...world.people.values()].filter(
    (person) => person.emailCanonical === email && isFree(person),
  )
  const oldest = (people: Person[]) => people.sort((a, b) => (a.id < b.id ? -1 : 1))[0]
  return oldest(linked) ?? oldest(named.filter((person) => person.status !== 'deleted')) ?? oldest(named)
}

/** True while another address has a record that stands for this person; people move with their records. */
function isTaken(world: World, person: Person, email: CanonicalEmail): boolean {
  for (const record of world.records.values()) {
    const isTheirs = record.userId === person.id && !isAddressRecord(record)
    if (isTheirs && recordEmail(record) !== email) return true
  }
  return false
}
