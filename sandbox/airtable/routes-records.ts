import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Base, findRecord, getTable } from './base.ts'
import { type AirtableError, notFound, typedError } from './errors.ts'
import { isOn, listOptionsFromBody, listOptionsFromQuery } from './list-options.ts'
import { type Listing, listRecords } from './list-records.ts'
import type { Knobs } from './options.ts'
import { renderRecord } from './render.ts'
import type { StoredRecord, Table } from './table.ts'
import { createRecords, deleteRecords, updateRecord, updateRecords, type Written } from './write-records.ts'

type TablePath = { Params: { baseId: string; table: string } }
type RecordPath = { Params: { baseId: string; table: string; recordId: string } }

export function registerRecordRoutes(app: FastifyInstance, base: Base, listing: Listing, knobs: Knobs): void {
  const write = <T>(act: () => T) => base.journal.act('publicApi', act)
  const tableOf = (request: FastifyRequest<TablePath>) =>
    getTable(base, request.params.baseId, request.params.table)

  function recordOf(
    request: FastifyRequest<RecordPath>,
    baseWide = false,
  ): { table: Table; record: StoredRecord } {
    const { baseId, table, recordId } = request.params
    const found = findRecord(base, getTable(base, baseId, table), recordId, baseWide)
    if (found) return found
    throw missingRecord(recordId, knobs)
  }

  app.get<TablePath>('/:baseId/:table', (request) =>
    listRecords(tableOf(request), listOptionsFromQuery(queryOf(request)), listing),
  )

  app.post<TablePath>('/:baseId/:table/listRecords', (request) =>
    listRecords(tableOf(request), listOptionsFromBody(request.body, queryOf(request)), listing),
  )

  app.get<RecordPath>('/:baseId/:table/:recordId', (request) => {
    const { table, record } = recordOf(request, knobs.baseWideGet)
    return renderRecord(table, record, { byFieldId: isOn(queryOf(request).get('returnFieldsByFieldId')) })
  })

  app.post<TablePath>('/:baseId/:table', (request) => {
    const table = tableOf(request)
    const created = write(() => createRecords(table, request.body))
    const records = render(table, created)
    return created.single ? records[0] : { records }
  })

  for (const method of ['PATCH', 'PUT'] as const) {
    app.route<TablePath>({
      method,
      url: '/:baseId/:table',
      handler(request) {
        const table = tableOf(request)
        const updated = write(() => updateRecords(table, request.body, method === 'PUT'))
        const records = render(table, updated)
        if (!updated.isUpsert) return { records }
        return { records, createdRecords: updated.createdIds, updatedRecords: updated.updatedIds }
      },
    })

    app.route<RecordPath>({
      method,
      url: '/:baseId/:table/:recordId',
      handler(request) {
        const { table, record } = recordOf(request)
        return render(
          table,
          write(() => updateRecord(table, record, request.body, method === 'PUT')),
        )[0]
      },
    })
  }

  app.delete<TablePath>('/:baseId/:table', (request) => {
    const query = queryOf(request)
    const ids = [...query].filter(([key]) => /^records(\[\d*\])?$/.test(key)).map(([, id]) => id)
    const table = tableOf(request)
    return { records: write(() => deleteRecords(table, ids)) }
  })

  app.delete<RecordPath>('/:baseId/:table/:recordId', (request) => {
    const { table, record } = recordOf(request)
    return write(() => deleteRecords(table, [record.id]))[0]
  })
}

function queryOf(request: FastifyRequest): URLSearchParams {
  return new URL(request.url, 'http://localhost').searchParams
}

function render(table: Table, { records, byFieldId }: Written) {
  return records.map((record) => renderRecord(table, record, { byFieldId }))
}

function missingRecord(id: string, knobs: Knobs): AirtableError {
  const looksRight = id.startsWith('rec')
  return looksRight && knobs.missingRecord === 'typed'
    ? typedError(404, 'MODEL_ID_NOT_FOUND', 'Record not found')
    : notFound()
}
