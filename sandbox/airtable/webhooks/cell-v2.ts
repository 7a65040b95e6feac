import { createHash } from 'node:crypto'
import { type CellValue, isCellError } from '../cells.ts'
import type { Field } from '../fields.ts'
import { cellText } from '../render.ts'

/** A cell as webhooks have it, which is not always as records have it; null if it is empty. */
export function toCellV2(field: Field, value: CellValue | undefined): unknown {
  if (value === undefined) return null
  switch (field.type) {
    case 'singleSelect':
      return toChoice(field, value)
    case 'multipleSelects':
      return itemsOf(value).map((item) => toChoice(field, item))
    case 'multipleRecordLinks':
      return itemsOf(value).map((id) => ({ id, name: id }))
    case 'multipleLookupValues': {
      // The stand-in's lookups come from nowhere: they get one linked record each.
      const linked = derivedId('rec', field.id)
      return { linkedRecordIds: [linked], valuesByLinkedRecordId: { [linked]: value } }
    }
    default:
      return value
  }
}

function toChoice(field: Field, name: CellValue) {
  return { id: derivedId('sel', `${field.id} ${cellText(name)}`), name, color: 'blueLight2' }
}

function itemsOf(value: CellValue): readonly CellValue[] {
  return typeof value === 'object' && !isCellError(value) ? value : [value]
}

function derivedId(prefix: string, of: string): string {
  return prefix + createHash('sha256').update(of).digest('hex').slice(0, 14)
}
