import type { UserStatus } from '../schemas/user.ts'
import { type FieldName, fieldNames, type PersonFields } from './change.ts'
import type { CanonicalEmail } from './email.ts'
import type { Claim } from './facts.ts'
import type { Overrides } from './overrides.ts'
import type { FieldOwnership } from './ownership.ts'
import type { UpstreamRecord } from './record.ts'
import { compareStamps, type Stamp } from './stamp.ts'

/** Where a value came from: `local`, `operator`, or an upstream with the record and the event that brought it. */
export interface Source extends Stamp {
  source: string
  externalId?: string
}

export type Provenance = { [Field in FieldName]?: Source }

/** A row of `users`, as far as the rules of identity are concerned. */
export interface Person extends Omit<PersonFields, 'status'> {
  id: string
  status: UserStatus
  /** The key under which the person is found; null once the address has passed to somebody else. */
  emailCanonical: CanonicalEmail | null
  provenance: Provenance
  /** Who they turned out to be, where somebody else stands for their records now. */
  replacedBy?: string | null
  /** What an operator decided; the fields above hold it already. */
  overrides?: Overrides | null
}

interface Candidate extends Claim<unknown> {
  source: Source
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

/**
 * What a person's fields are, given the records that speak for them and what was set here. Of several groups of
 * records, one is heard of a field where all before it are silent.
 */
export function projectFields(
  records: UpstreamRecord[][],
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

function choose(
  field: FieldName,
  records: UpstreamRecord[][],
  local: Person | undefined,
  ownership: FieldOwnership,
): Candidate | undefined {
  const owner = ownership[field]
  const own = localCandidate(field, local)
  const groups = records.map((group) => group.flatMap((record) => recordCandidate(field, record) ?? []))
  const told = groups.find((group) => group.length > 0) ?? []
  const claims = field === 'status' && owner !== 'local' ? strictest(told) : told
  const oldestFirst = claims.sort((a, b) => compareSources(a.source, b.source))
  if (owner === 'local') return own ?? oldestFirst[0]
  const newest = oldestFirst.at(-1)
  if (owner === 'upstream' || !own || !newest) return newest ?? own
  return compareStamps(own, newest) > 0 ? own : newest
}

/** Whoever is shut out by one upstream is not let in by news of another. */
function strictest(claims: Candidate[]): Candidate[] {
  const refusals = claims.filter(({ value }) => value !== 'active')
  return refusals.length > 0 ? refusals : claims
}

/** A value of the row counts as set here when its provenance says so, or when nobody said where it came from. */
function localCandidate(field: FieldName, local: Person | undefined): Candidate | undefined {
  // Being deleted is what the records make of somebody, never a value of their own.
  if (!local || local[field] === defaults[field]) return undefined
  if (field === 'status' && local.status === 'deleted') return undefined
  const source = local.provenance[field] ?? { source: 'local', at: 0, event: '' }
  return source.source === 'local' ? { ...source, value: local[field], source } : undefined
}

function recordCandidate(field: FieldName, record: UpstreamRecord): Candidate | undefined {
  const claim = record.claims[field]
  if (!claim) return undefined
  const { at, event } = claim
  return { ...claim, source: { source: record.upstream, externalId: record.externalId, at, event } }
}

/** Below 0 when `a` is the older word; of one time and event, the record's name decides. */
export function compareSources(a: Source, b: Source): number {
  const [left, right] = [`${a.source}\n${a.externalId}`, `${b.source}\n${b.externalId}`]
  return compareStamps(a, b) || (left < right ? -1 : left > right ? 1 : 0)
}
