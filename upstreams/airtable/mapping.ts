import type { PersonFields, UserUpserted } from '../../domain/change.ts'
import { isSupportedHash } from '../../domain/password.ts'
import type { Log } from '../upstream.ts'
import type { AirtableRecord } from './answers.ts'
import type { AirtableEnv } from './env.ts'
import { toRole, toStatus } from './words.ts'

const longestText = 1000

/** What a record that was just read says. Undefined for one without an address. */
export function toChange(
  record: AirtableRecord,
  env: AirtableEnv,
  readAt: number,
  log: Log,
): UserUpserted | undefined {
  const columns = env.AIRTABLE_FIELDS
  const text = (column: string) => toText(record.fields[column])
  const email = text(columns.email)
  if (!email) return undefined

  const fields: Partial<PersonFields> = { email }
  if (columns.name) fields.name = text(columns.name) || null
  if (columns.avatarUrl) fields.avatarUrl = text(columns.avatarUrl) || null
  if (columns.role) fields.role = toRole(text(columns.role) ?? '', env.AIRTABLE_ROLE_MAP)
  if (columns.status) {
    const status = toStatus(text(columns.status) ?? 'unreadable', env.AIRTABLE_STATUS_MAP)
    if (!status)
      log('warn', 'status.unknown', { record: record.id, status: text(columns.status)?.slice(0, 40) })
    fields.status = status ?? 'disabled'
  }
  if (columns.passwordHash) {
    const hash = text(columns.passwordHash) || null
    const isUsable = hash !== null && isSupportedHash(hash)
    if (hash && !isUsable) log('warn', 'password_hash.unsupported', { record: record.id })
    fields.passwordHash = isUsable ? hash : null
  }
  const modifiedAt = columns.modifiedAt ? Date.parse(text(columns.modifiedAt) ?? '') : Number.NaN
  return {
    type: 'user.upserted',
    upstream: 'airtable',
    externalId: record.id,
    created: false,
    fields,
    readAt,
    // A read of the same edit may see more of it than an earlier read did: the later one wins the tie.
    stamp: {
      at: modifiedAt <= readAt ? modifiedAt : readAt,
      event: `read ${new Date(readAt).toISOString()}`,
    },
  }
}

/** The cell as one line of text that Postgres can keep; undefined for what is neither empty nor one value. */
function toText(cell: unknown): string | undefined {
  if (cell === undefined || cell === null) return ''
  if (Array.isArray(cell)) return cell.length <= 1 ? toText(cell[0]) : undefined
  if (typeof cell === 'boolean' || typeof cell === 'number') return String(cell)
  if (typeof cell !== 'string') return undefined
  // A NUL is replaced, not dropped: nothing may turn into somebody else's address.
  return cell.slice(0, longestText).toWellFormed().replaceAll('\0', '\ufffd').trim()
}
