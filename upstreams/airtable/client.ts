import { Compile } from 'typebox/compile'
import type { Pass } from '../../domain/gate.ts'
import { Refusal } from '../calls.ts'
import type { UpstreamContext } from '../upstream.ts'
import { type AirtableRecord, RecordPage } from './answers.ts'
import { createAirtableCalls } from './calls.ts'
import { type AirtableFields, areColumnIds } from './env.ts'

export interface ListOptions {
  filterByFormula?: string
  /** Column names or ids; only these are read. */
  fields?: string[]
}

type Prepared = ListOptions | undefined

export interface AirtableClient {
  /**
   * All records that match, page by page, within one deadline. `prepare` is called when the turn of the first call
   * has come; without options there is no call and no record. Throws FL_UPSTREAM_UNAVAILABLE.
   */
  listRecords(prepare: (pass: Pass) => Prepared | Promise<Prepared>): Promise<AirtableRecord[]>
  /**
   * One page of the listing, from the `offset` of the page before; `expired` when Airtable has forgotten that and the
   * listing must begin again. Throws FL_UPSTREAM_UNAVAILABLE.
   */
  listPage(options: ListOptions, offset: string | undefined): Promise<RecordPage | 'expired'>
}

export interface AirtableTarget {
  apiUrl: string
  token: string
  baseId: string
  table: string
  /** The columns that are read, by name or by id. Where they are ids, records have them by id. */
  columns?: AirtableFields
  /** For one list with all its pages and its one retry. */
  deadlineMs?: number
}

const pageSize = 100
const forgotten = ['LIST_RECORDS_ITERATOR_NOT_AVAILABLE', 'INVALID_OFFSET_VALUE']

const recordPage = Compile(RecordPage)

export function createAirtableClient(target: AirtableTarget, context: UpstreamContext): AirtableClient {
  const { gate, clock } = context
  const columns = Object.values(target.columns ?? {})
  const { send, call } = createAirtableCalls({ ...target, columns }, context)
  const returnFieldsByFieldId = target.columns !== undefined && areColumnIds(target.columns)
  const deadlineMs = target.deadlineMs ?? 10_000
  const toRequest = (options: ListOptions, offset: string | undefined) => ({
    method: 'POST' as const,
    path: `/${target.baseId}/${encodeURIComponent(target.table)}/listRecords`,
    body: { ...options, ...(returnFieldsByFieldId && { returnFieldsByFieldId }), offset, pageSize },
    answer: recordPage,
  })

  return {
    async listRecords(prepare) {
      const deadline = clock() + deadlineMs
      let pass = await gate.enter(deadlineMs)
      const options = await prepare(pass)
      if (!options) return []
      const records: AirtableRecord[] = []
      let offset: string | undefined
      for (;;) {
        const page = await send(toRequest(options, offset), pass, deadline)
        records.push(...page.records)
        if (page.offset === undefined) return records
        offset = page.offset
        pass = await gate.enter(deadline - clock())
      }
    },
    async listPage(options, offset) {
      try {
        return await call({ ...toRequest(options, offset), expected: forgotten }, deadlineMs)
      } catch (error) {
        if (error instanceof Refusal) return 'expired'
        throw error
      }
    },
  }
}
