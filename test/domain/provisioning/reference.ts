import type { FieldName, PersonFields, UserChange, UserUpserted } from '../../../domain/change.ts'
import { canonicalEmail } from '../../../domain/email.ts'
import type { FieldOwnership } from '../../../domain/ownership.ts'
import type { Provenance } from '../../../domain/person.ts'
import type { Stamp } from '../../../domain/stamp.ts'

/** What can be seen of a person who is not deleted. */
export interface VisiblePerson extends PersonFields {
  emailCanonical: string | null
  provenance: Provenance
  /** The records that stand for the person. */
  records: string[]
}

/** A record of an upstream and every change that is about it. */
interface Told {
  upstream: string
  externalId: string
  changes: UserChange[]
  /** What the same upstream told of the address alone; its changes are among those above, too. */
  shared?: Told[]
}

interface Statement extends Stamp {
  upstream: string
  externalId: string
  value: unknown
  /** Of an address: upstream does not vouch for it. */
  isUnvouched?: boolean
}

const unknown: PersonFields = {
  email: '',
  emailVerified: false,
  name: null,
  avatarUrl: null,
  status: 'active',
  role: 'viewer',
  passwordHash: null,
}

const byAddress = 'mailto:'

/**
 * Who is there after all of these changes, read off the bare set by section 4 of the contract: no state, no order, and
 * no code of the project but the canonical form of an address.
 */
export function peopleAfter(changes: UserChange[], ownership: FieldOwnership): VisiblePerson[] {
  const names = [...new Set(changes.map(nameOf))]
  const all = names.map((name) => toldOf(changes.filter((change) => nameOf(change) === name)))
  const addresses = [...new Set(all.flatMap((told) => addressOf(told, ownership) ?? []))].sort()
  const known = addresses.flatMap((address) => {
    const members = all.filter((told) => addressOf(told, ownership) === address)
    return personAt(address, members, ownership) ?? []
  })
  // An account stands for a person, with or without an address.
  const accounts = all.filter((told) => addressOf(told, ownership) === undefined && isAccount(told))
  const unknown = accounts.flatMap((told) => personAt(null, [told], ownership) ?? [])
  return [...known, ...unknown.sort((a, b) => (String(a.records) < String(b.records) ? -1 : 1))]
}

function personAt(
  address: string | null,
  members: Told[],
  ownership: FieldOwnership,
): VisiblePerson | undefined {
  const alone = members.filter(isByAddress)
  const holders = members.filter((told) => !isByAddress(told))
  // One record of each upstream stands for the address: the last to name it, or what was told of the address alone.
  const heads = holders.filter((told) =>
    holders.every((rival) => {
      if (rival === told || rival.upstream !== told.upstream) return true
      return isLater(naming(told, ownership), naming(rival, ownership))
    }),
  )
  const orphans = alone.filter(({ upstream }) => holders.every((holder) => holder.upstream !== upstream))
  // News of an address are news of whoever has it in that upstream.
  const inFull = (told: Told): Told => {
    const shared = alone.filter((one) => one !== told && one.upstream === told.upstream)
    return { ...told, changes: [told, ...shared].flatMap((one) => one.changes), shared }
  }
  const speakers = [...heads, ...orphans].map(inFull)
  const others = holders.filter((told) => !heads.includes(told)).map(inFull)

  const presence = (['present', 'vanished'] as const).find((one) =>
    speakers.some((told) => presenceOf(told) === one),
  )
  if (!presence) return undefined
  const isHeard = (told: Told) => presenceOf(told) === presence
  const person: Record<string, unknown> = { emailCanonical: address }
  const provenance: Record<string, unknown> = {}
  const set = (field: FieldName, statement: Statement) => {
    const { value, upstream, externalId, at, event } = statement
    person[field] = value
    provenance[field] = { source: upstream, externalId, at, event }
  }
  for (const field of Object.keys(unknown) as FieldName[]) {
    const [first, second] = [speakers, others].map((told) =>
      told.filter(isHeard).flatMap((one) => spokenBy(one, field, ownership) ?? []),
    )
    const said = first?.length ? first : (second ?? [])
    // Whoever is shut out by one upstream is not let in by another.
    const refusals = field === 'status' ? said.filter(({ value }) => value === 'disabled') : []
    const words = refusals.length > 0 ? refusals : said
    const heard = ownership[field] === 'local' ? earliest(said) : latest(words)
    person[field] = unknown[field]
    if (heard) set(field, heard)
  }
  if (presence === 'vanished' && person['status'] === 'active') {
    const missed = speakers.filter(isHeard).flatMap((told) => latest(vanishings(told)) ?? [])
    set('status', latest(missed) as Statement)
  }
  const records = [...heads, ...alone].map(nameOf).sort()
  return { ...person, provenance, records } as unknown as VisiblePerson
}

/** What one record says of a field: its newest word, or for a field that is ours the first that was not empty. */
function spokenBy(told: Told, field: FieldName, ownership: FieldOwnership): Statement | undefined {
  if (told.shared) {
    const { shared, ...whole } = told
    const foreign = new Set(shared.flatMap(({ changes }) => changes))
    const own = { ...whole, changes: whole.changes.filter((change) => !foreign.has(change)) }
    // What was said of an address before its deletion was said of somebody else.
    const still = shared.flatMap((one) => {
      const word = spokenBy(one, field, ownership)
      const isOver = one.changes.some(
        ({ type, stamp }) => type === 'user.deleted' && word && stamp.at >= word.at,
      )
      return word && !isOver ? { ...word, externalId: told.externalId } : []
    })
    const words = [...still, ...[spokenBy(own, field, ownership) ?? []].flat()]
    return ownership[field] === 'local' ? earliest(words) : latest(words)
  }
  const said = upsertsOf(told)
    .filter(({ fields }) => field in fields)
    .map(({ stamp, fields, isUnvouched }) => {
      const statement = toStatement(told, stamp, fields[field])
      return field === 'email' ? { ...statement, isUnvouched: isUnvouched === true } : statement
    })
  if (ownership[field] !== 'local') return latest(said)
  return earliest(said.filter(({ value }) => value !== null && value !== '' && value !== false))
}

function addressOf(told: Told, ownership: FieldOwnership): string | undefined {
  if (isByAddress(told)) return told.externalId.slice(byAddress.length)
  const said = spokenBy(told, 'email', ownership)
  return !said || said.value === '' || said.isUnvouched ? undefined : canonicalEmail(String(said.value))
}

function isAccount(told: Told): boolean {
  return upsertsOf(told).some((change) => change.isAccount)
}

function naming(told: Told, ownership: FieldOwnership): Statement {
  return spokenBy(told, 'email', ownership) as Statement
}

/** Deleted unless created after every deletion; vanished if a complete listing missed what nobody saw since. */
function presenceOf(told: Told): 'present' | 'vanished' | 'deleted' {
  const upserts = upsertsOf(told)
  const births = upserts.filter(({ created }) => created)
  const deletions = told.changes.filter(({ type }) => type === 'user.deleted')
  if (deletions.some(({ stamp }) => !births.some((birth) => birth.stamp.at > stamp.at))) return 'deleted'
  const sights = upserts.map(({ stamp, readAt }) => Math.max(stamp.at, readAt ?? stamp.at))
  return vanishings(told).some(({ at }) => !sights.some((sight) => sight >= at)) ? 'vanished' : 'present'
}

function vanishings(told: Told): Statement[] {
  const notices = told.changes.filter(({ type }) => type === 'user.vanished')
  return notices.map(({ stamp }) => toStatement(told, stamp, 'disabled'))
}

function upsertsOf(told: Told): UserUpserted[] {
  return told.changes.filter((change) => change.type === 'user.upserted')
}

function toldOf(changes: UserChange[]): Told {
  const { upstream = '', externalId = '' } = changes[0] ?? {}
  return { upstream, externalId, changes }
}

function toStatement({ upstream, externalId }: Told, stamp: Stamp, value: unknown): Statement {
  return { upstream, externalId, ...stamp, value }
}

function isByAddress({ externalId }: Told): boolean {
  return externalId.startsWith(byAddress)
}

function isLater(a: Statement, b: Statement): boolean {
  if (a.at !== b.at) return a.at > b.at
  const [left, right] = [a, b].map((one) => [
    one.event,
    one.upstream,
    one.externalId,
    JSON.stringify(one.value),
    String(one.isUnvouched === true),
  ])
  const index = left?.findIndex((part, place) => part !== right?.[place]) ?? -1
  return index >= 0 && (left?.[index] ?? '') > (right?.[index] ?? '')
}

function latest(said: Statement[]): Statement | undefined {
  return said.find((one) => said.every((other) => !isLater(other, one)))
}

function earliest(said: Statement[]): Statement | undefined {
  return said.find((one) => said.every((other) => !isLater(one, other)))
}

function nameOf({ upstream, externalId }: { upstream: string; externalId: string }): string {
  return `${upstream} ${externalId}`
}
