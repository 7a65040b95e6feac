import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { readAnswer } from '../answers.ts'

export const AirtableRecord = Type.Object({
  id: Type.String({ pattern: '^rec[A-Za-z0-9]{14}$' }),
  createdTime: Type.Optional(Type.String()),
  fields: Type.Record(Type.String(), Type.Unknown()),
})
export type AirtableRecord = Static<typeof AirtableRecord>

export const RecordPage = Type.Object({
  records: Type.Array(AirtableRecord),
  offset: Type.Optional(Type.String()),
})
export type RecordPage = Static<typeof RecordPage>

/** The three envelopes that Airtable wraps an error in. */
const ErrorAnswer = Type.Object({
  error: Type.Optional(
    Type.Union([Type.String(), Type.Object({ type: Type.String(), message: Type.Optional(Type.String()) })]),
  ),
  errors: Type.Optional(
    Type.Array(Type.Object({ error: Type.String(), message: Type.Optional(Type.String()) }), { minItems: 1 }),
  ),
})

const errorAnswer = Compile(ErrorAnswer)

/** The error's type, such as `INVALID_FILTER_BY_FORMULA`, or undefined when the body is not an Airtable error. */
export function readErrorType(body: string): string | undefined {
  const type = readError(body)?.type
  // It goes into the log: whatever else stands in its place stays out.
  return type !== undefined && /^[A-Z_]{1,64}$/.test(type) ? type : undefined
}

/**
 * Which of these columns an error calls unknown: `Unknown field name: "Role"`, or for a formula `Unknown field names: role`,
 * in lower case.
 */
export function readUnknownColumns(body: string, columns: string[]): string[] {
  const [, names = ''] = /Unknown field names?: (.*)$/s.exec(readError(body)?.message ?? '') ?? []
  const unknown = new Set(names.split(', ').map((name) => name.replace(/^"|"$/g, '').toLowerCase()))
  return columns.filter((column) => unknown.has(column.toLowerCase()))
}

function readError(body: string): { type?: string | undefined; message?: string | undefined } | undefined {
  const answer = readAnswer(errorAnswer, body)
  if (!answer) return undefined
  const { error, errors } = answer
  if (errors?.[0]) return { type: errors[0].error, message: errors[0].message }
  return typeof error === 'string' ? { type: error } : error
}
