import { invalidFormula, typedError, unknownField } from './errors.ts'
import type { Field } from './fields.ts'
import { compileFormula } from './formula/compile.ts'
import type { Row } from './formula/evaluator.ts'
import { FormulaError } from './formula/formula-error.ts'
import { matches } from './formula/matches.ts'
import { compare } from './formula/value.ts'
import type { Iterators } from './iterators.ts'
import type { ListOptions } from './list-options.ts'
import { type RecordView, renderRecord } from './render.ts'
import { toRow } from './row.ts'
import type { StoredRecord, Table } from './table.ts'

export type Listing = {
  iterators: Iterators
  views: readonly string[]
  clock: () => number
}

/** One page of a listing, as the wire has it. */
export function listRecords(
  table: Table,
  options: ListOptions,
  { iterators, views, clock }: Listing,
): { records: RecordView[]; offset?: string } {
  const only = options.fields?.map((name) => getField(table, name))
  if (options.view !== undefined && !views.includes(options.view)) {
    throw typedError(422, 'VIEW_NAME_NOT_FOUND', `View ${options.view} not found`)
  }
  const pageSize = options.pageSize ?? 100
  const page =
    options.offset === undefined
      ? iterators.start(select(table, options, clock), pageSize)
      : iterators.next(options.offset, pageSize)

  const view = {
    only,
    byFieldId: options.returnFieldsByFieldId ?? false,
    asText: options.cellFormat === 'string',
  }
  const records = page.records.map((record) => renderRecord(table, record, view))
  return page.offset === undefined ? { records } : { records, offset: page.offset }
}

function getField(table: Table, name: string): Field {
  const field = table.findField(name)
  if (!field) throw unknownField(name)
  return field
}

function select(table: Table, options: ListOptions, clock: () => number): readonly StoredRecord[] {
  const order = options.sort?.map((sort) => ({
    field: getField(table, sort.field),
    sign: sort.direction === 'desc' ? -1 : 1,
  }))
  const kept = filter(table, options.filterByFormula, clock)
  if (order) sortRows(kept, order)
  return kept.slice(0, options.maxRecords).map(({ record }) => record)
}

type Entry = { record: StoredRecord; row: Row }

function filter(table: Table, formula: string | undefined, clock: () => number): Entry[] {
  const entries = table.all().map((record) => ({ record, row: toRow(table, record) }))
  if (formula === undefined || formula === '') return entries
  try {
    const findField = (name: string) => table.findField(name)?.id
    const evaluator = compileFormula(formula, { findField, now: () => new Date(clock()) })
    return entries.filter(({ row }) => matches(evaluator, row))
  } catch (error) {
    throw error instanceof FormulaError ? invalidFormula(error.message) : error
  }
}

function sortRows(entries: Entry[], order: { field: Field; sign: number }[]): void {
  entries.sort((a, b) => {
    for (const { field, sign } of order) {
      const [left, right] = [a.row.cell(field.id), b.row.cell(field.id)]
      const result =
        left === null || right === null
          ? Number(left !== null) - Number(right !== null)
          : compare(left, right)
      if (result !== 0) return sign * result
    }
    return 0
  })
}
