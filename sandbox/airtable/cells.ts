import { invalidRequest, invalidValue, unknownField } from './errors.ts'
import { type Field, isComputed } from './fields.ts'

export type CellValue = string | number | boolean | CellError | readonly CellValue[]

/** What a formula gives that fails, or whose result is no value. */
export type CellError = { error: string } | { specialValue: string }

export function isCellError(value: unknown): value is CellError {
  return isObject(value) && (typeof value['error'] === 'string' || typeof value['specialValue'] === 'string')
}

/** What a write does to each column, by field id; null clears. */
export type CellChanges = ReadonlyMap<string, CellValue | null>

export type ReadCellsOptions = {
  findField: (nameOrId: string) => Field | undefined
  typecast?: boolean
  /** Sets lookups and formulas too, as if what they are computed from had changed, and the errors of formulas in any column. */
  computed?: boolean
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Turns a foreign `fields` object into changes; throws what Airtable answers to a bad one. */
export function readCells(fields: unknown, options: ReadCellsOptions): CellChanges {
  if (!isObject(fields)) throw invalidRequest()
  const changes = new Map<string, CellValue | null>()
  for (const [name, value] of Object.entries(fields)) {
    const field = options.findField(name)
    if (!field) throw unknownField(name)
    if (isComputed(field) && !options.computed) {
      throw invalidValue(field.name, 'cannot accept a value because the field is computed')
    }
    const isError = options.computed === true && isCellError(value)
    changes.set(field.id, isError ? value : readCell(field, value, options.typecast ?? false))
  }
  return changes
}

export function isEmptyCell(value: unknown): boolean {
  return value === null || value === undefined || value === '' || value === false || isEmptyList(value)
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function readCell(field: Field, value: unknown, typecast: boolean): CellValue | null {
  if (isEmptyCell(value)) return null
  const cell = typecast ? cast(field, value) : value
  if (!isCellValue(cell) || !fits(field, cell)) throw invalidValue(field.name)
  return cell
}

function isCellValue(value: unknown): value is CellValue {
  if (Array.isArray(value)) return value.every(isCellValue)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function isListOfText(value: CellValue): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function fits(field: Field, value: CellValue): boolean {
  switch (field.type) {
    case 'checkbox':
      return typeof value === 'boolean'
    case 'number':
      return typeof value === 'number'
    case 'multipleSelects':
    case 'multipleRecordLinks':
      return isListOfText(value)
    case 'dateTime':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value))
    case 'multipleLookupValues':
      return Array.isArray(value)
    case 'formula':
      return true
    default:
      return typeof value === 'string'
  }
}

function cast(field: Field, value: unknown): unknown {
  switch (field.type) {
    case 'checkbox':
      return Boolean(value)
    case 'number':
      return typeof value === 'string' ? Number(value) : value
    case 'multipleSelects':
      return typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value
    default:
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
  }
}
