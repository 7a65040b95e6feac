import type { CellChanges } from './cells.ts'
import { invalidRecords, typedError, unknownField } from './errors.ts'
import type { StoredRecord, Table } from './table.ts'

/**
 * Finds the one record that agrees in all the merge columns, case-sensitively; undefined if there is none.
 * Without merge columns a record must be named by its id, and one that is not is refused.
 */
export function createMergeFinder(
  table: Table,
  fieldsToMergeOn: readonly string[] | undefined,
): (changes: CellChanges) => StoredRecord | undefined {
  const fields = fieldsToMergeOn?.map((name) => {
    const field = table.findField(name)
    if (!field) throw unknownField(name)
    return field
  })

  return (changes) => {
    if (!fields?.every(({ id }) => changes.has(id))) throw invalidRecords()
    const found = table
      .all()
      .filter((record) =>
        fields.every(
          ({ id }) => JSON.stringify(record.cells.get(id) ?? null) === JSON.stringify(changes.get(id)),
        ),
      )
    if (found.length > 1) {
      throw typedError(
        422,
        'INVALID_RECORDS',
        'Cannot update more than one record with the same merge values',
      )
    }
    return found[0]
  }
}
