import { noSuchModel, notFound, tableNotFound } from './errors.ts'
import { isId } from './ids.ts'
import type { Journal } from './journal.ts'
import type { StoredRecord, Table } from './table.ts'

export type Base = { readonly id: string; readonly tables: readonly Table[]; readonly journal: Journal }

/** Throws what Airtable answers to a base id that is not this base's. */
export function verifyBaseId(base: Base, baseId: string): void {
  if (!isId('app', baseId)) throw notFound()
  if (baseId !== base.id) throw noSuchModel()
}

/** The table that an address names by id or by name; throws what Airtable answers to a wrong one. */
export function getTable(base: Base, baseId: string, tableIdOrName: string): Table {
  verifyBaseId(base, baseId)
  const table =
    base.tables.find(({ id }) => id === tableIdOrName) ??
    base.tables.find(({ name }) => name === tableIdOrName)
  if (table) return table
  throw isId('tbl', tableIdOrName) ? noSuchModel() : tableNotFound(tableIdOrName, baseId)
}

/** A record by id, and the table that has it: the named one, or any other if `baseWide`. */
export function findRecord(
  base: Base,
  table: Table,
  id: string,
  baseWide: boolean,
): { table: Table; record: StoredRecord } | undefined {
  for (const candidate of baseWide ? [table, ...base.tables] : [table]) {
    const record = candidate.find(id)
    if (record) return { table: candidate, record }
  }
  return undefined
}
