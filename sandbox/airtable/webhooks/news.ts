import type { Field } from '../fields.ts'
import type { Action, RecordChange } from '../journal.ts'
import type { StoredRecord, Table } from '../table.ts'
import { toCellV2 } from './cell-v2.ts'
import type { News } from './hook.ts'
import type { Specification } from './specification.ts'

type Cells = Record<string, unknown>

/** What an action is to a webhook: nothing, one piece of news, or several if it touches more records than one holds. */
export function newsOf(action: Action, { options }: Specification, recordsPerPayload: number): News[] {
  const { dataTypes, fromSources } = options.filters
  if (!dataTypes.includes('tableData')) return []
  if (fromSources && !fromSources.includes(action.source)) return []
  const parts = action.changes.filter((change) => isWanted(change, options))
  const news: News[] = []
  for (let i = 0; i < parts.length; i += recordsPerPayload) {
    news.push({ changedTablesById: tablesOf(parts.slice(i, i + recordsPerPayload), options) })
  }
  return news
}

function isWanted(change: RecordChange, options: Specification['options']): boolean {
  const { recordChangeScope, changeTypes } = options.filters
  if (recordChangeScope !== undefined && recordChangeScope !== change.table.id) return false
  if (changeTypes && !changeTypes.includes(changeTypeOf(change))) return false
  return !change.before || !change.after || changedFields(change, options).length > 0
}

function changeTypeOf({ before, after }: RecordChange): 'add' | 'remove' | 'update' {
  if (!before) return 'add'
  return after ? 'update' : 'remove'
}

function tablesOf(changes: readonly RecordChange[], options: Specification['options']) {
  const tables: Record<string, Record<string, unknown>> = {}
  for (const tableId of new Set(changes.map(({ table }) => table.id))) {
    const ofTable = changes.filter(({ table }) => table.id === tableId)
    const created = ofTable.filter((change) => changeTypeOf(change) === 'add')
    const changed = ofTable.filter((change) => changeTypeOf(change) === 'update')
    const destroyed = ofTable.filter((change) => changeTypeOf(change) === 'remove')
    tables[tableId] = {
      ...(created.length > 0 && {
        createdRecordsById: byId(created, (change) => toCreated(change, options)),
      }),
      ...(changed.length > 0 && {
        changedRecordsById: byId(changed, (change) => toChanged(change, options)),
      }),
      ...(destroyed.length > 0 && { destroyedRecordIds: destroyed.map(({ id }) => id) }),
    }
  }
  return tables
}

function byId(changes: readonly RecordChange[], render: (change: RecordChange) => unknown) {
  return Object.fromEntries(changes.map((change) => [change.id, render(change)]))
}

function toCreated({ table, after }: RecordChange, options: Specification['options']) {
  const filled = watchedFields(table, options).filter(({ id }) => after?.cells.has(id))
  return {
    createdTime: new Date(after?.createdAt ?? 0).toISOString(),
    cellValuesByFieldId: cellsOf(after, filled),
  }
}

function toChanged(change: RecordChange, options: Specification['options']) {
  const changed = changedFields(change, options)
  const { includeCellValuesInFieldIds: included, includePreviousCellValues } = options.includes ?? {}
  const unchanged = change.table.fields.filter(
    (field) => (included === 'all' || included?.includes(field.id)) && !changed.includes(field),
  )
  return {
    current: { cellValuesByFieldId: cellsOf(change.after, changed) },
    ...(includePreviousCellValues && { previous: { cellValuesByFieldId: cellsOf(change.before, changed) } }),
    ...(included && { unchanged: { cellValuesByFieldId: cellsOf(change.after, unchanged) } }),
  }
}

function changedFields({ table, before, after }: RecordChange, options: Specification['options']): Field[] {
  const text = (record: StoredRecord | undefined, id: string) => JSON.stringify(record?.cells.get(id))
  return watchedFields(table, options).filter(({ id }) => text(before, id) !== text(after, id))
}

function watchedFields(table: Table, options: Specification['options']): readonly Field[] {
  const { watchDataInFieldIds: watched } = options.filters
  return watched ? table.fields.filter(({ id }) => watched.includes(id)) : table.fields
}

function cellsOf(record: StoredRecord | undefined, fields: readonly Field[]): Cells {
  return Object.fromEntries(fields.map((field) => [field.id, toCellV2(field, record?.cells.get(field.id))]))
}
