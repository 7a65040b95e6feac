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
  const answer = readAnswer(errorAnswer, body)
  if (!answer) return undefined
  const { error, errors } = answer
  const type = errors?.[0]?.error ?? (typeof error === 'string' ? error : error?.type)
  // It goes into the log: whatever else stands in its place stays out.
  return type !== undefined && /^[A-Z_]{1,64}$/.test(type) ? type : undefined
}
