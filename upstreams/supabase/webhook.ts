import { createHash } from 'node:crypto'
import { Compile } from 'typebox/compile'
import type { UserDeleted, UserUpserted } from '../../domain/change.ts'
import type { Stamp } from '../../domain/stamp.ts'
import { FirstloginError } from '../../errors.ts'
import { toText } from '../text.ts'
import type { Log, UpstreamContext, Webhook } from '../upstream.ts'
import { type Account, pickAccount } from './account.ts'
import { Arrival, DatabaseEvent, Row } from './answers.ts'
import { createBearerCheck } from './bearer.ts'
import { isEcho } from './echo.ts'
import type { SupabaseEnv } from './env.ts'
import { toFields, toUpserted } from './mapping.ts'
import { type Moment, toMoment } from './moment.ts'
import { isSame, toNews } from './news.ts'

const databaseEvent = Compile(DatabaseEvent)
const arrival = Compile(Arrival)
const rowOfUsers = Compile(Row)
const types: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE'])

/** A change of a row, with what it has no place for itself. */
interface RowChange {
  id: string
  type: string
  /** Null once the row is gone. */
  record: Account | null
  /** Null before it was there, and where it was not told. */
  before: Account | null
  /** Milliseconds since 1970. */
  arrivedAt: number
}

/** Rows of auth.users, as a trigger posts them: without an id, a time or a signature of their own. */
export function createWebhook(secrets: string[], env: SupabaseEnv, context: UpstreamContext): Webhook {
  const { clock, log } = context
  const verifyBearer = createBearerCheck(secrets)

  return {
    path: '/supabase',
    signatureHeader: 'authorization',
    summary: 'Tell that a row of auth.users was inserted, updated or deleted',
    body: DatabaseEvent,
    verifyHeaders: verifyBearer,
    verify(_bytes, headers) {
      verifyBearer(headers)
      return { dialect: 'bearer' }
    },
    read(body, delivery) {
      if (!databaseEvent.Check(body)) throw invalid('the body is not the change of a row')
      const isKept = delivery.dialect === 'kept' && arrival.Check(body)
      const arrivedAt = isKept ? body.arrivedAt : clock()
      const [type, schema, table] = [toName(body.type), toName(body.schema), toName(body.table)]
      const about = { type: `${schema}.${table}.${type.toLowerCase()}`, occurredAt: arrivedAt, changes: [] }
      const place = { type, schema, table, arrivedAt }
      if (!types.has(type) || schema !== 'auth' || table !== 'users')
        return { ...about, id: delivery.messageId ?? toDigest(body), payload: place }

      const record = type === 'DELETE' ? null : pick(body.record)
      // A trigger of somebody's own may leave it out, as long as it does not have to say who is gone.
      const before = type === 'DELETE' || body.old_record ? pick(body.old_record) : null
      const [rowId, version] = [record?.id ?? before?.id, record?.updated_at ?? before?.updated_at]
      const row = { type, record, before, arrivedAt }
      // Without a time of its own the same change may happen again: ban, end of the ban, the same ban.
      const own = hasOwnTime(row) ? [] : [arrivedAt]
      const id = delivery.messageId ?? toDigest(['auth.users', type, rowId, version, record, before, ...own])
      const change = toChange({ ...row, id }, delivery.log ?? log)
      return {
        ...about,
        id,
        ...(change && { occurredAt: change.stamp.at, changes: [change] }),
        payload: { ...place, record, old_record: before },
      }
    },
  }

  function toChange(row: RowChange, say: Log): UserUpserted | UserDeleted | undefined {
    const { id, type, record, before, arrivedAt } = row
    // Before anything else: where the address was there is a digest.
    const deletedAt = toMoment(record?.deleted_at ?? null)
    if (record && record.deleted_at !== null) return toDeleted(record, toStamp(deletedAt ?? toTime(row), id))
    if (!record) return before ? toDeleted(before, toStamp(toTime(row), id)) : undefined
    if (before && isSame(record, before)) return undefined
    const fields = toFields(record, env, arrivedAt)
    if (isEcho(record, fields)) {
      say('info', 'webhook.echo', { upstream: 'supabase', eventId: id, record: record.id })
      return undefined
    }
    return toUpserted(record, {
      fields: before ? toNews(fields, record, before, toFields(before, env, arrivedAt)) : fields,
      created: type === 'INSERT' || (before !== null && before.deleted_at !== null),
      stamp: toStamp(toTime(row), id),
    })
  }
}

/**
 * When a change became true. A deletion has no time of its own, for the row has the one of its last update; nor has
 * what was written past Supabase Auth, which leaves `updated_at` as it was. Both are newer than the row was, and
 * not newer than their arrival.
 */
function toTime(row: RowChange): Moment {
  const { record, before, arrivedAt } = row
  const told = toMoment(record?.updated_at ?? before?.updated_at ?? null)
  if (told && (hasOwnTime(row) || told.at >= arrivedAt)) return told
  return { at: arrivedAt, micros: '000' }
}

function hasOwnTime({ record, before }: Pick<RowChange, 'record' | 'before'>): boolean {
  return record !== null && record.updated_at !== before?.updated_at
}

/** Of two changes within a millisecond the digits behind it tell which one was first. */
function toStamp({ at, micros }: Moment, id: string): Stamp {
  return { at, event: `${micros} ${id}` }
}

function toDeleted({ id: externalId }: Account, stamp: Stamp): UserDeleted {
  return { type: 'user.deleted', upstream: 'supabase', externalId, stamp }
}

function pick(told: unknown): Account {
  if (!rowOfUsers.Check(told)) throw invalid('the row is not one of auth.users')
  return pickAccount(told)
}

function toName(told: string): string {
  return toText(told, 100) ?? ''
}

function toDigest(of: unknown): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex')
}

function invalid(detail: string): FirstloginError {
  return new FirstloginError('FL_PAYLOAD_INVALID', { detail })
}
