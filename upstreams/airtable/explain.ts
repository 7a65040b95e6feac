import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { readAnswer } from '../answers.ts'
import type { Http, HttpResponse } from '../upstream.ts'
import { RecordPage, readErrorType, readUnknownColumns } from './answers.ts'
import type { AirtableEnv } from './env.ts'

const Tables = Type.Object({
  tables: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      fields: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
    }),
  ),
})
type Tables = Static<typeof Tables>

const tablesAnswer = Compile(Tables)
const pageAnswer = Compile(RecordPage)
const tokens = 'https://airtable.com/create/tokens'

/** The setting, the cause and the next step of a refusal. Asks for the tables, which a token with schema.bases:read may see. */
export async function explainRefusal(
  env: AirtableEnv,
  { status, body }: HttpResponse,
  http: Http,
): Promise<string | undefined> {
  const { AIRTABLE_BASE_ID: base, AIRTABLE_TABLE: table } = env
  if (status === 401)
    return `AIRTABLE_TOKEN is refused: make a personal access token at ${tokens} with the scope data.records:read and access to the base ${base}`
  if (status === 403 || status === 404) {
    const found = await listTables(env, http)
    if (found?.some(isOwn(env)))
      return `AIRTABLE_TOKEN may see the table and not read it: give the token the scope data.records:read at ${tokens}`
    if (found)
      return `AIRTABLE_TABLE: the base ${base} has no table ${JSON.stringify(table)}; it has ${list(found.map(({ name }) => name))}`
    return (
      `AIRTABLE_BASE_ID (${base}) or AIRTABLE_TABLE (${JSON.stringify(table)}) is wrong, or the token may not use the base: at ${tokens} ` +
      'give it access to the base and the scope data.records:read (with schema.bases:read, doctor can say which of the two it is)'
    )
  }
  if (status === 422 && readErrorType(body) !== undefined) {
    const unknown = readUnknownColumns(body, Object.values(env.AIRTABLE_FIELDS))
    if (unknown.length === 0) return undefined
    const columns = await listColumns(env, http)
    return `AIRTABLE_FIELDS: the table has no column ${list(unknown)}; it has ${columns.length > 0 ? list(columns) : 'none that can be read'}`
  }
  return undefined
}

async function listTables(env: AirtableEnv, http: Http): Promise<Tables['tables'] | undefined> {
  const body = await read(env, http, `meta/bases/${env.AIRTABLE_BASE_ID}/tables`)
  return body === undefined ? undefined : readAnswer(tablesAnswer, body)?.tables
}

function isOwn({ AIRTABLE_TABLE }: AirtableEnv) {
  return ({ id, name }: { id: string; name: string }) => id === AIRTABLE_TABLE || name === AIRTABLE_TABLE
}

/** Of a token that may not see the schema: those of the first records, without the ones that are empty there. */
async function listColumns(env: AirtableEnv, http: Http): Promise<string[]> {
  const tables = await listTables(env, http)
  const own = tables?.find(isOwn(env))
  if (own) return own.fields.map(({ name }) => name)
  const body = await read(
    env,
    http,
    `${env.AIRTABLE_BASE_ID}/${encodeURIComponent(env.AIRTABLE_TABLE)}?pageSize=20`,
  )
  const page = body === undefined ? undefined : readAnswer(pageAnswer, body)
  return [...new Set(page?.records.flatMap(({ fields }) => Object.keys(fields)))]
}

/** The body of a 200. */
async function read(env: AirtableEnv, http: Http, path: string): Promise<string | undefined> {
  const url = `${env.AIRTABLE_API_URL.replace(/\/$/, '')}/v0/${path}`
  const headers = { authorization: `Bearer ${env.AIRTABLE_TOKEN}` }
  const response = await http({ method: 'GET', url, headers, deadlineMs: 5000 }).catch(() => undefined)
  return response?.status === 200 ? response.body : undefined
}

function list(names: string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ')
}
