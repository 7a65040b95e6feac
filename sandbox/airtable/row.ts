import { type CellValue, isCellError } from './cells.ts'
import type { Field } from './fields.ts'
import type { Row } from './formula/evaluator.ts'
import type { Value } from './formula/value.ts'
import type { StoredRecord, Table } from './table.ts'

const dateTypes: readonly Field['type'][] = ['dateTime', 'createdTime', 'lastModifiedTime']

/** A record as formulas see it. */
export function toRow(table: Table, record: StoredRecord): Row {
  return {
    id: record.id,
    createdAt: new Date(record.createdAt),
    cell(fieldId) {
      const field = table.findField(fieldId)
      return field ? toValue(field, table.cell(record, field)) : null
    },
    modifiedAt(fieldIds) {
      const at = table.modifiedAt(record, fieldIds)
      return at === undefined ? null : new Date(at)
    },
  }
}

function toValue(field: Field, cell: CellValue | undefined): Value {
  if (cell === undefined || isCellError(cell)) return null
  if (typeof cell === 'object') return cell.map((item) => toValue(field, item))
  return typeof cell === 'string' && dateTypes.includes(field.type) ? new Date(cell) : cell
}
