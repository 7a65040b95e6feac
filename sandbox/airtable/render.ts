import { type CellValue, isCellError, isEmptyCell } from './cells.ts'
import type { Field } from './fields.ts'
import type { StoredRecord, Table } from './table.ts'

export type RecordView = { id: string; createdTime: string; fields: Record<string, CellValue> }

export type ViewOptions = {
  /** Only these columns; all of them if absent. */
  only?: readonly Field[] | undefined
  byFieldId?: boolean
  asText?: boolean
}

/** A record as it goes over the wire: empty cells are left out. */
export function renderRecord(table: Table, record: StoredRecord, options: ViewOptions = {}): RecordView {
  const fields: [string, CellValue][] = []
  for (const field of options.only ?? table.fields) {
    const value = table.cell(record, field)
    if (value === undefined || isEmptyCell(value)) continue
    fields.push([options.byFieldId ? field.id : field.name, options.asText ? cellText(value) : value])
  }
  const createdTime = new Date(record.createdAt).toISOString()
  return { id: record.id, createdTime, fields: Object.fromEntries(fields) }
}

/** A cell as `cellFormat=string` has it. */
export function cellText(value: CellValue): string {
  if (isCellError(value)) return '#ERROR!'
  if (typeof value === 'object') return value.map(cellText).join(', ')
  if (typeof value === 'boolean') return value ? 'checked' : ''
  return String(value)
}
