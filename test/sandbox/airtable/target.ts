import { setTimeout as sleep } from 'node:timers/promises'
import Type from 'typebox'
import { Value } from 'typebox/value'
import { createAirtableStandIn } from '../../../sandbox/airtable/stand-in.ts'

/** A base to hold the contract tests against: the stand-in, or a real one. */
export type Target = {
  name: string
  apiUrl: string
  token: string
  baseId: string
  table: string
  /** Airtable allows five calls a second; a real base is asked slowly. */
  paceMs: number
  close(): Promise<void>
}

export type Answer = { status: number; headers: Headers; body: unknown }

const RecordBody = Type.Object({
  id: Type.String(),
  createdTime: Type.String(),
  fields: Type.Record(Type.String(), Type.Unknown()),
})
export type RecordBody = Type.Static<typeof RecordBody>

const Listing = Type.Object({ records: Type.Array(RecordBody), offset: Type.Optional(Type.String()) })
export type Listing = Type.Static<typeof Listing>

export async function standInTarget(): Promise<Target> {
  const standIn = createAirtableStandIn({ token: 'patStandIn.contract', rateLimit: false })
  return {
    name: 'the stand-in',
    apiUrl: await standIn.listen(),
    token: 'patStandIn.contract',
    baseId: standIn.baseId,
    table: 'Users',
    paceMs: 0,
    close: standIn.close,
  }
}

/** The base that the environment names, if it names one. It needs the text columns Email and Name. */
export function realTarget(env: NodeJS.ProcessEnv): Target | undefined {
  const token = env['AIRTABLE_CONTRACT_TOKEN']
  const baseId = env['AIRTABLE_CONTRACT_BASE_ID']
  const table = env['AIRTABLE_CONTRACT_TABLE']
  if (!token || !baseId || !table) return undefined
  const apiUrl = 'https://api.airtable.com'
  return { name: 'a real base', apiUrl, token, baseId, table, paceMs: 300, close: async () => {} }
}

export const listingOf = (body: unknown): Listing => Value.Parse(Listing, body)

export const recordOf = (body: unknown): RecordBody => Value.Parse(RecordBody, body)

export const idsOf = (listing: Listing): string[] => listing.records.map(({ id }) => id)

export function createCaller(target: Target) {
  const tablePath = `/v0/${target.baseId}/${encodeURIComponent(target.table)}`

  async function call(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    await sleep(target.paceMs)
    const response = await fetch(target.apiUrl + path, {
      method,
      headers: { authorization: `Bearer ${target.token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const parsed: unknown = text === '' ? undefined : JSON.parse(text)
    const answer: Answer = { status: response.status, headers: response.headers, body: parsed }
    return answer
  }

  async function list(options: Record<string, unknown>): Promise<Listing> {
    return listingOf((await call('POST', `${tablePath}/listRecords`, options)).body)
  }

  async function create(...people: Record<string, unknown>[]): Promise<RecordBody[]> {
    const records = people.map((fields) => ({ fields }))
    return listingOf((await call('POST', tablePath, { records })).body).records
  }

  async function remove(ids: readonly string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += 10) {
      const query = ids.slice(i, i + 10).map((id) => `records[]=${id}`)
      await call('DELETE', `${tablePath}?${query.join('&')}`)
    }
  }

  return { tablePath, call, list, create, remove }
}
