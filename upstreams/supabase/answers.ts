import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { readAnswer } from '../answers.ts'

const Told = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]))
const Id = Type.String({ pattern: '^[\\x21-\\x7e]{1,200}$' })
const columns = {
  id: Id,
  email: Told(Type.String()),
  email_confirmed_at: Told(Type.String()),
  banned_until: Told(Type.String()),
  deleted_at: Told(Type.String()),
  created_at: Told(Type.String()),
  updated_at: Told(Type.String()),
}

/** A row of auth.users, as far as it is looked at: of hashes and tokens not even the names are known here. */
export const Row = Type.Object({
  ...columns,
  is_sso_user: Told(Type.Boolean()),
  raw_user_meta_data: Told(Type.Unknown()),
  raw_app_meta_data: Told(Type.Unknown()),
})
export type Row = Static<typeof Row>

/** The same user as the API shows it, which has no word for SSO but the providers. */
export const ApiUser = Type.Object({
  ...columns,
  user_metadata: Told(Type.Unknown()),
  app_metadata: Told(Type.Unknown()),
  identities: Told(Type.Array(Type.Object({ provider: Told(Type.String()) }))),
})
export type ApiUser = Static<typeof ApiUser>

export const UserPage = Type.Object({ users: Type.Array(ApiUser) })

/** What anybody may have put into metadata, under the keys that have a meaning. */
export const Metadata = Type.Object(
  Object.fromEntries(
    [
      'full_name',
      'name',
      'first_name',
      'last_name',
      'avatar_url',
      'picture',
      'role',
      'provider',
      'firstlogin',
    ].map((key) => [key, Type.Optional(Type.Unknown())]),
  ),
)

export const DatabaseEvent = Type.Object({
  /** INSERT, UPDATE or DELETE. */
  type: Type.String({ minLength: 1 }),
  schema: Type.String({ minLength: 1 }),
  table: Type.String({ minLength: 1 }),
  record: Told(Type.Unknown()),
  old_record: Told(Type.Unknown()),
})

/** What is added to it when it is kept: an event without a time of its own has the one of its arrival. */
export const Arrival = Type.Object({ arrivedAt: Type.Number() })

export const HookCall = Type.Object({
  metadata: Type.Object({ name: Type.String() }),
  user: Type.Object({ email: Told(Type.String()) }),
})

/** Newer versions have the name in `code`, where older ones have the status again. */
const errorAnswer = Compile(
  Type.Object({ code: Type.Optional(Type.Unknown()), error_code: Type.Optional(Type.Unknown()) }),
)

/** The error's name, such as `user_not_found`, or undefined when the body is not an error of GoTrue's. */
export function readErrorCode(body: string): string | undefined {
  const { code, error_code } = readAnswer(errorAnswer, body) ?? {}
  const name = typeof error_code === 'string' ? error_code : code
  // It goes into the log: whatever else stands in its place stays out.
  return typeof name === 'string' && /^[a-z_]{1,64}$/.test(name) ? name : undefined
}
