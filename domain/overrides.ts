import type { Role, UserStatus } from '../schemas/user.ts'
import type { Stamp } from './stamp.ts'

/** The fields of a user that an operator can decide. */
export interface OverrideFields {
  status: Exclude<UserStatus, 'deleted'>
  role: Role
}

export const overrideFields = ['status', 'role'] as const satisfies readonly (keyof OverrideFields)[]

/** A new value for each field named; null lifts the override of a field. */
export type OverrideDecision = { [Field in keyof OverrideFields]?: OverrideFields[Field] | null | undefined }

/** Where a value came from, as `Provenance` has it. */
interface Origin extends Stamp {
  source: string
  externalId?: string
}

/** What an operator decided of one field: it stands above every upstream until it is lifted. */
export interface Override<T> {
  value: T
  /** Milliseconds since 1970. */
  at: number
  by: string
  /** The value that the field has without the override, and its source. Every later change updates it. */
  projected: { value: unknown; source?: Origin }
}

export type Overrides = { [Field in keyof OverrideFields]?: Override<OverrideFields[Field]> }

/** The part of a person that overrides concern. */
interface Overridable {
  status: UserStatus
  role: Role
  provenance: { status?: Origin; role?: Origin }
  overrides?: Overrides | null
}

/** The person with an operator's decision; a deleted person stays deleted, and the decision waits for their return. */
export function decide<P extends Overridable>(
  person: P,
  decision: OverrideDecision,
  { at, by }: { at: number; by: string },
): P {
  const overrides: Record<string, unknown> = { ...person.overrides }
  for (const field of overrideFields) {
    const value = decision[field]
    if (value === null) delete overrides[field]
    else if (value !== undefined) overrides[field] = { value, at, by }
  }
  return withOverrides(withoutOverrides(person), overrides as Overrides)
}

/** Puts overrides above what the upstreams make of a person. */
export function withOverrides<P extends Overridable>(
  projected: P,
  overrides: Overrides | null | undefined,
): P {
  const decided = overrideFields.flatMap((field) => {
    const override = overrides?.[field]
    return override ? [[field, override] as const] : []
  })
  if (!overrides || decided.length === 0) return projected
  const fields: Record<string, unknown> = {}
  const provenance: Record<string, Origin> = {}
  const kept: Record<string, Override<unknown>> = {}
  for (const [field, override] of decided) {
    const source = projected.provenance[field]
    kept[field] = { ...override, projected: { value: projected[field], ...(source && { source }) } }
    if (field === 'status' && projected.status === 'deleted') continue
    fields[field] = override.value
    provenance[field] = { source: 'operator', at: override.at, event: '' }
  }
  return {
    ...projected,
    ...fields,
    provenance: { ...projected.provenance, ...provenance },
    overrides: kept,
  }
}

/** The person as the upstreams and local edits alone make them. */
export function withoutOverrides<P extends Overridable>(person: P): P {
  const { overrides, ...rest } = person
  if (!overrides) return person
  const fields: Record<string, unknown> = {}
  const provenance = { ...person.provenance }
  for (const field of overrideFields) {
    const { projected } = overrides[field] ?? {}
    if (!projected) continue
    const isDeleted = field === 'status' && person.status === 'deleted'
    if (!isDeleted) fields[field] = projected.value
    if (projected.source) provenance[field] = projected.source
    else delete provenance[field]
  }
  return { ...rest, ...fields, provenance } as P
}

/**
 * The person with the overrides of an account that has joined them. Their own come first, except that an account which
 * an operator has disabled stays disabled under its new name.
 */
export function inheritOverrides<P extends Overridable>(person: P, from: Overrides | null | undefined): P {
  if (!from) return person
  const own = person.overrides ?? {}
  const disabled = [own.status, from.status].find((status) => status?.value === 'disabled')
  return withOverrides(withoutOverrides(person), { ...from, ...own, ...(disabled && { status: disabled }) })
}
