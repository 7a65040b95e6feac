import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { type CellChanges, readCells } from './cells.ts'
import { invalidRecords, invalidRequest, typedError } from './errors.ts'
import type { StoredRecord, Table } from './table.ts'
import { createMergeFinder } from './upsert.ts'

export const maxRecordsPerRequest = 10

const WriteMany = Compile(
  Type.Object({
    records: Type.Array(Type.Object({ id: Type.Optional(Type.String()), fields: Type.Unknown() }), {
      minItems: 1,
      maxItems: maxRecordsPerRequest,
    }),
    typecast: Type.Optional(Type.Boolean()),
    returnFieldsByFieldId: Type.Optional(Type.Boolean()),
    performUpsert: Type.Optional(
      Type.Object({ fieldsToMergeOn: Type.Array(Type.String(), { minItems: 1, maxItems: 3 }) }),
    ),
  }),
)

const WriteOne = Compile(
  Type.Object({
    fields: Type.Unknown(),
    typecast: Type.Optional(Type.Boolean()),
    returnFieldsByFieldId: Type.Optional(Type.Boolean()),
  }),
)

export type Written = { records: StoredRecord[]; byFieldId: boolean }

export type Upserted = Written & { createdIds: string[]; updatedIds: string[]; isUpsert: boolean }

/** All or nothing: every record is read before the first one is written. */
export function createRecords(table: Table, body: unknown): Written & { single: boolean } {
  if (WriteOne.Check(body)) {
    const changes = readCells(body.fields, { findField: table.findField, typecast: body.typecast ?? false })
    return { records: [table.create(changes)], byFieldId: body.returnFieldsByFieldId ?? false, single: true }
  }
  if (!WriteMany.Check(body)) throw invalidRecords()
  const all = body.records.map(({ fields }) =>
    readCells(fields, { findField: table.findField, typecast: body.typecast ?? false }),
  )
  const records = all.map((changes) => table.create(changes))
  return { records, byFieldId: body.returnFieldsByFieldId ?? false, single: false }
}

export function updateRecord(table: Table, record: StoredRecord, body: unknown, replace: boolean): Written {
  if (!WriteOne.Check(body)) throw invalidRequest()
  const changes = readCells(body.fields, { findField: table.findField, typecast: body.typecast ?? false })
  return {
    records: [table.edit(record, changes, { replace })],
    byFieldId: body.returnFieldsByFieldId ?? false,
  }
}

export function updateRecords(table: Table, body: unknown, replace: boolean): Upserted {
  if (!WriteMany.Check(body)) throw invalidRecords()
  const findMerge = createMergeFinder(table, body.performUpsert?.fieldsToMergeOn)
  const plan = body.records.map(
    ({ id, fields }): { target: StoredRecord | undefined; changes: CellChanges } => {
      const changes = readCells(fields, { findField: table.findField, typecast: body.typecast ?? false })
      return { changes, target: id === undefined ? findMerge(changes) : getRecord(table, id) }
    },
  )

  const createdIds: string[] = []
  const updatedIds: string[] = []
  const records = plan.map(({ target, changes }) => {
    const record = target ? table.edit(target, changes, { replace }) : table.create(changes)
    const ids = target ? updatedIds : createdIds
    ids.push(record.id)
    return record
  })
  const isUpsert = body.performUpsert !== undefined
  return { records, createdIds, updatedIds, isUpsert, byFieldId: body.returnFieldsByFieldId ?? false }
}

export function deleteRecords(table: Table, ids: readonly string[]): { id: string; deleted: true }[] {
  if (ids.length === 0 || ids.length > maxRecordsPerRequest) throw invalidRecords()
  for (const id of ids) getRecord(table, id)
  return ids.map((id) => {
    table.remove(id)
    return { id, deleted: true }
  })
}

function getRecord(table: Table, id: string): StoredRecord {
  const record = table.find(id)
  if (!record) throw typedError(422, 'ROW_DOES_NOT_EXIST', `Record ID ${id} does not exist in this table`)
  return record
}
