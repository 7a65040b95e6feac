import type { PersonFields, UserUpserted } from '../../domain/change.ts'
import { toInstant } from '../../domain/instant.ts'
import { isSupportedHash, isTooExpensiveHash } from '../../domain/password.ts'
import { toText } from '../text.ts'
import type { Log } from '../upstream.ts'
import type { AirtableRecord } from './answers.ts'
import type { AirtableEnv } from './env.ts'
import { toRole, toStatus } from './words.ts'

/** What was told of a person, by our names: cells of a record, values of an event. What is missing was not told. */
export type Told = {
  [Key in 'email' | 'emailVerified' | 'name' | 'avatarUrl' | 'status' | 'role' | 'passwordHash']?: unknown
}

/** What a record that was just read says. Undefined for one without an address. */
export function toChange(
  record: AirtableRecord,
  env: AirtableEnv,
  readAt: number,
  log: Log,
): UserUpserted | undefined {
  const { modifiedAt: modified, ...columns } = env.AIRTABLE_FIELDS
  const told: Told = Object.fromEntries(
    Object.entries(columns).map(([key, column]) => [key, record.fields[column]]),
  )
  const fields = toFields(told, env, (event, details) =>
    log('warn', event, { record: record.id, ...details }),
  )
  if (!fields.email) return undefined
  const createdAt = toInstant(record.createdTime ?? '')
  const modifiedAt = modified ? Date.parse(toCellText(record.fields[modified]) ?? '') : Number.NaN
  return {
    type: 'user.upserted',
    upstream: 'airtable',
    externalId: record.id,
    created: false,
    ...(fields.emailVerified === false && { isUnverified: true }),
    fields,
    readAt,
    ...(createdAt !== undefined && { bornAt: createdAt }),
    // A read of the same edit may see more of it than an earlier read did: the later one wins the tie.
    stamp: {
      at: modifiedAt <= readAt ? modifiedAt : readAt,
      event: `read ${new Date(readAt).toISOString()}`,
    },
  }
}

/** A person's fields out of what was told; what cannot be understood gives the least, and is named to `warn`. */
export function toFields(
  told: Told,
  env: Pick<AirtableEnv, 'AIRTABLE_STATUS_MAP' | 'AIRTABLE_ROLE_MAP' | 'AIRTABLE_FIELDS' | 'AIRTABLE_EMAILS'>,
  warn: (event: string, details: Record<string, unknown>) => void,
): Partial<PersonFields> {
  const fields: Partial<PersonFields> = {}
  // Never cut: what is too long is refused, and must not turn into somebody else's.
  const email = toCellText(told.email, Number.POSITIVE_INFINITY)
  if (email) Object.assign(fields, { email, ...toVerified(told.emailVerified, env) })
  if ('name' in told) fields.name = toCellText(told.name) || null
  if ('avatarUrl' in told) fields.avatarUrl = toCellText(told.avatarUrl) || null
  if ('role' in told) fields.role = toRole(toCellText(told.role) ?? '', env.AIRTABLE_ROLE_MAP)
  if ('status' in told) {
    const word = toCellText(told.status)
    const status = toStatus(word ?? 'unreadable', env.AIRTABLE_STATUS_MAP)
    if (!status) warn('status.unknown', { status: word?.slice(0, 40) })
    fields.status = status ?? 'disabled'
  }
  if ('passwordHash' in told) {
    const hash = toCellText(told.passwordHash) || null
    const isUsable = hash !== null && isSupportedHash(hash)
    if (hash && !isUsable)
      warn(isTooExpensiveHash(hash) ? 'password_hash.too_expensive' : 'password_hash.unsupported', {})
    fields.passwordHash = isUsable ? hash : null
  }
  return fields
}

/** A table's column says it of each address; what cannot be read is not verified. Else a setting may say that none is. */
function toVerified(
  cell: unknown,
  { AIRTABLE_FIELDS, AIRTABLE_EMAILS }: Pick<AirtableEnv, 'AIRTABLE_FIELDS' | 'AIRTABLE_EMAILS'>,
): Pick<Partial<PersonFields>, 'emailVerified'> {
  if (AIRTABLE_FIELDS.emailVerified === undefined)
    return AIRTABLE_EMAILS === 'unverified' ? { emailVerified: false } : {}
  const word = (toCellText(cell) ?? '').trim()
  return { emailVerified: /^(true|yes|y|1|verified|confirmed)$/i.test(word) }
}

/** The cell as one text; undefined for what is neither empty nor one value. */
function toCellText(cell: unknown, longest?: number): string | undefined {
  if (cell === undefined || cell === null) return ''
  if (Array.isArray(cell)) return cell.length <= 1 ? toCellText(cell[0], longest) : undefined
  return toText(typeof cell === 'boolean' || typeof cell === 'number' ? String(cell) : cell, longest)
}
