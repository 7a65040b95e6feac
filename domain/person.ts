import type { UserStatus } from '../schemas/user.ts'
import { type FieldName, fieldNames, type PersonFields } from './change.ts'
import type { CanonicalEmail } from './email.ts'
import type { Claim } from './facts.ts'
import { organizationKey } from './organization-ref.ts'
import type { Overrides } from './overrides.ts'
import type { FieldOwnership } from './ownership.ts'
import { isVerified, type UpstreamRecord } from './record.ts'
import { sinceOf } from './runs.ts'
import { compareStamps, type Stamp } from './stamp.ts'

/** Where a value came from: `local`, `operator`, or an upstream with the record and the event that brought it. */
export interface Source extends Stamp {
  source: string
  externalId?: string
}

export type Provenance = { [Field in FieldName]?: Source }

/** A value that was set here. It is stored apart from the row's, so that it still counts when it wins again. */
export interface LocalValue extends Stamp {
  value: unknown
  /** It was set while no upstream had verified the address: it ends when one does. */
  isUnverified?: true
  /** Of a password hash: the key of the weaker one that it has replaced. */
  replaced?: string
}

export type LocalValues = { [Field in FieldName]?: LocalValue }

/** A row of `users`, as far as the rules of identity are concerned. */
export interface Person extends Omit<PersonFields, 'status'> {
  id: string
  status: UserStatus
  /** The key under which the person is found; null once the address has passed to somebody else. */
  emailCanonical: CanonicalEmail | null
  provenance: Provenance
  /** Keys of the organizations that the records name; null where no record says anything of organizations. */
  organizations?: string[] | null
  local?: LocalValues
  /** Who they turned out to be, where somebody else stands for their records now. */
  replacedBy?: string | null
  /** What an operator decided; the fields above hold it already. */
  overrides?: Overrides | null
}

interface Candidate extends Claim<unknown> {
  source: Source
  /** Since when it has been so. Milliseconds since 1970. */
  since: number
}

const defaults: PersonFields = {
  email: '',
  emailVerified: false,
  name: null,
  avatarUrl: null,
  status: 'active',
  role: 'viewer',
  passwordHash: null,
}

/** What a person's fields are, given the records that speak for them and what was set here. */
export function projectFields(
  records: UpstreamRecord[],
  local: Person | undefined,
  ownership: FieldOwnership,
): { fields: PersonFields; provenance: Provenance } {
  const fields: Record<string, unknown> = {}
  const provenance: Provenance = {}
  for (const field of fieldNames) {
    const chosen = choose(field, records, local, ownership)
    fields[field] = chosen ? chosen.value : defaults[field]
    if (chosen) provenance[field] = chosen.source
  }
  return { fields: fields as unknown as PersonFields, provenance }
}

/**
 * Where a person belongs, given the records that speak for them: each upstream grants what its record names. Null where none
 * says anything of organizations.
 */
export function organizationsOf(records: UpstreamRecord[]): string[] | null {
  const told = records.flatMap(({ upstream, claims }) => {
    const { organizations } = claims
    return organizations ? [organizations.value.map((ref) => organizationKey(upstream, ref))] : []
  })
  return told.length === 0 ? null : [...new Set(told.flat())].sort()
}

function choose(
  field: FieldName,
  records: UpstreamRecord[],
  person: Person | undefined,
  ownership: FieldOwnership,
): Candidate | undefined {
  const owner = ownership[field]
  const isProven = records.some((record) => isProof(record))
  const own = localCandidate(field, person, isProven)
  const told = records.flatMap((record) => recordCandidate(field, record) ?? [])
  const claims = field === 'status' && owner !== 'local' ? strictest(told) : told
  const oldestFirst = claims.sort((a, b) => compareSources(a.source, b.source))
  if (owner === 'local') return own ?? oldestFirst[0]
  if (owner === 'upstream') return oldestFirst.at(-1) ?? own
  // A value that is merely repeated is as old as it was.
  return [...oldestFirst, ...(own ? [own] : [])].sort((a, b) => a.since - b.since).at(-1)
}

/** Whether a record proves who somebody is: an account by its sign-in, others by an address that was verified. */
export function isProof(record: UpstreamRecord): boolean {
  return record.isAccount || isVerified(record)
}

/** Whoever is shut out by one upstream is not let in by news of another. */
function strictest(claims: Candidate[]): Candidate[] {
  const refusals = claims.filter(({ value }) => value !== 'active')
  return refusals.length > 0 ? refusals : claims
}

/** A value of the row counts as set here, too, when its provenance says so, or when it says nothing. */
function localCandidate(
  field: FieldName,
  person: Person | undefined,
  isProven: boolean,
): Candidate | undefined {
  if (!person) return undefined
  const own = person.local?.[field]
  if (own) {
    const { at, event } = own
    if (own.isUnverified && isProven) return undefined
    return { ...own, since: at, source: { source: 'local', at, event } }
  }
  // Being deleted is what the records make of somebody, never a value of their own.
  if (person[field] === defaults[field] || (field === 'status' && person.status === 'deleted'))
    return undefined
  const source = person.provenance[field] ?? { source: 'local', at: 0, event: '' }
  if (source.source !== 'local') return undefined
  return { ...source, value: person[field], since: source.at, source }
}

function recordCandidate(field: FieldName, record: UpstreamRecord): Candidate | undefined {
  const claim = record.claims[field]
  if (!claim) return undefined
  const { at, event } = claim
  const source = { source: record.upstream, externalId: record.externalId, at, event }
  return { ...claim, since: sinceOf(field, claim), source }
}

/** Below 0 when `a` is the older word; of one time and event, the record's name decides. */
export function compareSources(a: Source, b: Source): number {
  const [left, right] = [`${a.source}\n${a.externalId}`, `${b.source}\n${b.externalId}`]
  return compareStamps(a, b) || (left < right ? -1 : left > right ? 1 : 0)
}
