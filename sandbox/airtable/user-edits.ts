import { isObject, readCells } from './cells.ts'
import { typedError } from './errors.ts'
import type { Journal } from './journal.ts'
import { type RecordView, renderRecord } from './render.ts'
import type { Table } from './table.ts'

/** The users' table through the eyes and hands of somebody who has it open in Airtable. */
export type UserEdits = {
  list(): RecordView[]
  find(id: string): RecordView | undefined
  /**
   * Creates the record, or changes the named cells of it; null empties one. Moves Last Modified, to now or to the
   * time that is given for it. Lookups can be set too, as if their source had changed: they move nothing.
   */
  put(id: string, fields: Record<string, unknown>): RecordView
  remove(id: string): boolean
}

export function createUserEdits(table: Table, journal: Journal): UserEdits {
  const view = (id: string) => {
    const record = table.find(id)
    return record && renderRecord(table, record)
  }

  return {
    list: () => table.all().map((record) => renderRecord(table, record)),
    find: view,
    put(id, fields) {
      if (!/^rec[A-Za-z0-9]+$/.test(id)) {
        throw typedError(422, 'INVALID_CONTROL_REQUEST', 'A record id is "rec" and 14 letters or digits.')
      }
      const { given, at } = splitTime(table, fields)
      const changes = readCells(given, { findField: table.findField, computed: true })
      return journal.act('client', () => {
        const edited = table.find(id) ?? table.create(new Map(), id)
        return renderRecord(table, table.edit(edited, changes, at === undefined ? {} : { at }))
      })
    },
    remove: (id) => journal.act('client', () => table.remove(id)),
  }
}

function splitTime(
  table: Table,
  fields: Record<string, unknown>,
): { given: Record<string, unknown>; at?: number } {
  const isTime = ([name]: [string, unknown]) => table.findField(name)?.type === 'lastModifiedTime'
  const entries = Object.entries(fields)
  const given = Object.fromEntries(entries.filter((entry) => !isTime(entry)))
  const time = entries.find(isTime)?.[1]
  if (time === undefined) return { given }
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (Number.isNaN(at))
    throw typedError(422, 'INVALID_CONTROL_REQUEST', 'The time of change is not an ISO time.')
  return { given, at }
}

/** The cells in a control request's body: under `fields`, or at the top if there is no such key. */
export function fieldsOfBody(body: unknown): Record<string, unknown> {
  const fields = isObject(body) && 'fields' in body ? body['fields'] : body
  if (isObject(fields)) return fields
  throw typedError(422, 'INVALID_CONTROL_REQUEST', 'Send { "fields": { "Email": "..." } }.')
}
