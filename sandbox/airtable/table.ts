import { type CellChanges, type CellValue, isEmptyCell, readCells } from './cells.ts'
import { createFieldFinder, type Field, isComputed } from './fields.ts'
import { createId } from './ids.ts'
import type { Journal } from './journal.ts'
import type { Knobs, TableOptions } from './options.ts'

/** Never changed in place, so that a listing's snapshot keeps what it saw. */
export type StoredRecord = {
  readonly id: string
  readonly createdAt: number
  readonly cells: ReadonlyMap<string, CellValue>
  /** When a user last changed each column. */
  readonly changedAt: ReadonlyMap<string, number>
}

export type SeedRecord = {
  id?: string
  createdTime?: string
  /** When every cell was last edited; never, if absent. */
  modifiedTime?: string
  fields: Record<string, unknown>
}

export type Edit = {
  /** Empties the columns that are not named. */
  replace?: boolean
  /** Makes the whole record look as if it had been edited then, which no user could. */
  at?: number
}

export type Table = {
  readonly id: string
  readonly name: string
  readonly fields: readonly Field[]
  findField(nameOrId: string): Field | undefined
  /** In the order of creation. */
  all(): readonly StoredRecord[]
  find(id: string): StoredRecord | undefined
  create(changes: CellChanges, id?: string): StoredRecord
  /** A user's edit: moves the times of the columns whose values really change. */
  edit(record: StoredRecord, changes: CellChanges, edit?: Edit): StoredRecord
  remove(id: string): boolean
  cell(record: StoredRecord, field: Field): CellValue | undefined
  modifiedAt(record: StoredRecord, fieldIds?: readonly string[]): number | undefined
  /** As if the column had never been. */
  removeField(id: string): void
}

export function createTable(
  options: TableOptions,
  knobs: Knobs,
  clock: () => number,
  note: Journal['note'] = () => {},
): Table {
  const records = new Map<string, StoredRecord>()
  let { fields } = options
  let finder = createFieldFinder(fields)
  const findField = (nameOrId: string) => finder(nameOrId)
  const editable = fields.filter((field) => !isComputed(field)).map((field) => field.id)
  const isEditable = new Set(editable)

  const wholeUnits = (ms: number) => Math.floor(ms / knobs.timePrecisionMs) * knobs.timePrecisionMs
  const isoTime = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())

  function store(record: StoredRecord): StoredRecord {
    const before = records.get(record.id)
    records.set(record.id, record)
    note({ table, id: record.id, before, after: record })
    return record
  }

  function remove(id: string): boolean {
    const before = records.get(id)
    const isRemoved = records.delete(id)
    note({ table, id, before, after: undefined })
    return isRemoved
  }

  function seed({ id = createId('rec'), createdTime, modifiedTime, fields: given }: SeedRecord): void {
    const createdAt = wholeUnits(createdTime === undefined ? clock() : Date.parse(createdTime))
    const cells = filledCells(readCells(given, { findField, computed: true }))
    const changes =
      modifiedTime === undefined ? [] : editable.map((field) => [field, Date.parse(modifiedTime)] as const)
    records.set(id, { id, createdAt, cells, changedAt: new Map(changes) })
  }

  function edit(record: StoredRecord, changes: CellChanges, { replace = false, at }: Edit = {}) {
    const cells = new Map(record.cells)
    const changedAt = new Map(record.changedAt)
    const all = replace ? new Map([...editable.map((id) => [id, null] as const), ...changes]) : changes
    for (const [fieldId, value] of all) {
      if (JSON.stringify(cells.get(fieldId) ?? null) === JSON.stringify(value)) continue
      if (value === null) cells.delete(fieldId)
      else cells.set(fieldId, value)
      if (isEditable.has(fieldId)) changedAt.set(fieldId, wholeUnits(clock()))
    }
    if (at !== undefined) for (const fieldId of editable) changedAt.set(fieldId, wholeUnits(at))
    return store({ ...record, cells, changedAt })
  }

  function modifiedAt(record: StoredRecord, fieldIds: readonly string[] = editable): number | undefined {
    const times = fieldIds.map((id) => record.changedAt.get(id)).filter((time) => time !== undefined)
    if (times.length > 0) return Math.max(...times)
    return knobs.neverEdited === 'created' ? record.createdAt : undefined
  }

  for (const record of options.records ?? []) seed(record)

  const table: Table = {
    id: options.id,
    name: options.name,
    get fields() {
      return fields
    },
    findField,
    all: () => [...records.values()],
    find: (id) => records.get(id),
    create: (changes, id = createId('rec')) =>
      store({ id, createdAt: wholeUnits(clock()), cells: filledCells(changes), changedAt: new Map() }),
    edit,
    remove,
    cell(record, field) {
      if (field.type === 'createdTime') return isoTime(record.createdAt)
      if (field.type === 'lastModifiedTime') return isoTime(modifiedAt(record, field.watches))
      return record.cells.get(field.id)
    },
    modifiedAt,
    removeField(id) {
      fields = fields.filter((field) => field.id !== id)
      finder = createFieldFinder(fields)
    },
  }
  return table
}

function filledCells(changes: CellChanges): Map<string, CellValue> {
  const cells = new Map<string, CellValue>()
  for (const [id, value] of changes) if (value !== null && !isEmptyCell(value)) cells.set(id, value)
  return cells
}
