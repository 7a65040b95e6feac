import type { Change } from './change.ts'
import type { CanonicalEmail } from './email.ts'
import type { FieldOwnership } from './ownership.ts'
import { type Person, type Provenance, projectFields } from './person.ts'
import {
  addressRecordId,
  createRecord,
  isAddressRecord,
  isDeleted,
  isNews,
  isVanished,
  type Keeps,
  mergeChange,
  mergeRecords,
  recordEmail,
  type UpstreamRecord,
} from './record.ts'
import { compareStamps } from './stamp.ts'

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
  if (!isNews(known, record) && !isLost(world, known, after)) {
    if (record !== known) world.records.set(key, record)
    const path = isDeleted(known) ? 'tombstoned' : 'stale'
    return { path, hadEffect: false, userId: known.userId }
  }

  world.records.set(key, record)
  const settled = after === undefined ? undefined : settle(world, after, rules)
  if (before !== undefined && before !== after) settle(world, before, rules)

  const userId = world.records.get(key)?.userId ?? null
  const path = findPath()
  const hadEffect = path !== 'stale' && (path !== 'tombstoned' || change.type === 'user.deleted')
  return { path, hadEffect, userId }

  function findPath(): UpsertPath {
    if (isDeleted(inFull(world, record, keeps))) return 'tombstoned'
    if (change.type === 'user.deleted' || settled?.superseded.has(key)) return 'stale'
    if (settled?.isNew) return 'created'
    return known.userId === userId ? 'updated' : (settled?.joined ?? 'updated')
  }
}

function keepsOf({ ownership }: Rules): Keeps {
  return (field) => (ownership[field] === 'local' ? 'first' : 'newest')
}

/** A record with what the same upstream said of its address without naming an id. */
function inFull(world: World, record: UpstreamRecord, keeps: Keeps): UpstreamRecord {
  const email = recordEmail(record)
  if (email === undefined || isAddressRecord(record)) return record
  const { upstream } = record
  const ofAddress = world.records.get(recordKey({ upstream, externalId: addressRecordId(email) }))
  return ofAddress ? mergeRecords(record, ofAddress, keeps) : record
}

interface Settled {
  isNew: boolean
  /** How a record joins a person who was here before it. */
  joined: 'rekeyed' | 'linked_by_email'
  superseded: Set<string>
}

/** Makes the person of one address agree with its records: found, created, changed, or deleted. */
function settle(world: World, email: CanonicalEmail, rules: Rules): Settled {
  const members = [...world.records.values()].filter((record) => recordEmail(record) === email)
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
  const keeps = keepsOf(rules)
  const [voices, fillers] = [keys, superseded].map((them) => them.map((one) => inFull(world, one, keeps)))
  const presence = bestPresence(voices ?? [])
  const id =
    members.length === 0 ? undefined : (found?.id ?? (presence === 'deleted' ? undefined : rules.createId()))
  if (id !== undefined) {
    // The deleted have no say while anybody lives; a record that was superseded only fills what the others leave open.
    const heard = [voices ?? [], fillers ?? []].map((them) =>
      them.filter((record) => presence === 'deleted' || presenceOf(record) === presence),
    )
    // Whoever gets a deleted person's address under a record of their own gets no password that was set here.
    const isSame = found?.status !== 'deleted' || keys.some((record) => record.userId === id)
    const { fields, provenance } = projectFields(heard, isSame ? found : undefined, rules.ownership)
    world.people.set(id, {
      ...fields,
      id,
      status: presence === 'deleted' ? 'deleted' : presence === 'vanished' ? 'disabled' : fields.status,
      emailCanonical: email,
      provenance: presence === 'vanished' ? { ...provenance, ...vanishing(voices ?? []) } : provenance,
    })
  }

  retireHolders(world, email, id)
  for (const record of members) {
    const stands = keys.includes(record) || isAddressRecord(record)
    const userId = stands && id !== undefined ? id : findOwn(world, record, email, id)
    if (userId !== record.userId) world.records.set(recordKey(record), { ...record, userId })
  }
  return settled
}

type Presence = 'present' | 'vanished' | 'deleted'

function presenceOf(record: UpstreamRecord): Presence {
  return isDeleted(record) ? 'deleted' : isVanished(record) ? 'vanished' : 'present'
}

function bestPresence(records: UpstreamRecord[]): Presence {
  const all = records.map(presenceOf)
  return (['present', 'vanished'] as const).find((presence) => all.includes(presence)) ?? 'deleted'
}

/** Where the status of somebody comes from whom no complete listing has any more. */
function vanishing(records: UpstreamRecord[]): Provenance {
  const gone = records.filter((record) => presenceOf(record) === 'vanished')
  const last = gone.sort((a, b) => (b.vanished?.at ?? 0) - (a.vanished?.at ?? 0))[0]
  if (!last?.vanished) return {}
  return { status: { source: last.upstream, externalId: last.externalId, ...last.vanished } }
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

/**
 * One record of each upstream stands for the address: the one that named it last. Re-keying is nothing more. The
 * record of the address itself does only where there is no other.
 */
function keyRecords(members: UpstreamRecord[]): UpstreamRecord[] {
  const keys = new Map<string, UpstreamRecord>()
  for (const record of members) {
    const rival = keys.get(record.upstream)
    if (!rival || standsBefore(record, rival)) keys.set(record.upstream, record)
  }
  return [...keys.values()]
}

function standsBefore(a: UpstreamRecord, b: UpstreamRecord): boolean {
  return isAddressRecord(a) || isAddressRecord(b) ? isAddressRecord(b) : namedLater(a, b)
}

function namedLater(a: UpstreamRecord, b: UpstreamRecord): boolean {
  if (!a.claims.email || !b.claims.email) return a.claims.email !== undefined
  return (compareStamps(a.claims.email, b.claims.email) || (a.externalId < b.externalId ? -1 : 1)) > 0
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
