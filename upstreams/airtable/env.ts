import { type Static, Type } from 'typebox'
import { createSignatureKeys } from '../../domain/signature.ts'
import { Role } from '../../schemas/user.ts'

/** A column's name or id. Airtable has no way to name a column with a brace or a line break in a formula. */
const Column = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^{}\\\\\\r\\n]+$' })

function canSign(secrets: string[]): boolean {
  try {
    return createSignatureKeys({ shared: secrets }).plain.length > 0
  } catch {
    return false
  }
}

/** Which column holds what; what is not named here is never read. */
export const AirtableFields = Type.Object(
  {
    email: Column,
    emailVerified: Type.Optional(Column),
    name: Type.Optional(Column),
    avatarUrl: Type.Optional(Column),
    status: Type.Optional(Column),
    role: Type.Optional(Column),
    organization: Type.Optional(Column),
    passwordHash: Type.Optional(Column),
    modifiedAt: Type.Optional(Column),
  },
  { additionalProperties: false },
)
export type AirtableFields = Static<typeof AirtableFields>

const isColumnId = (column: string) => /^fld[A-Za-z0-9]{14}$/.test(column)

/** True where columns are named by their ids, which Airtable then has to answer with. */
export function areColumnIds(fields: AirtableFields): boolean {
  return isColumnId(fields.email)
}

/** Airtable's answers name columns in one way or the other. */
function areNamedAlike(fields: AirtableFields): boolean {
  return new Set(Object.values(fields).map(isColumnId)).size === 1
}

export const AirtableEnv = Type.Object({
  AIRTABLE_TOKEN: Type.String({
    minLength: 1,
    description: 'a personal access token with data.records:read',
  }),
  AIRTABLE_BASE_ID: Type.String({
    pattern: '^app[A-Za-z0-9]{14}$',
    description: 'an id like appXXXXXXXXXXXXXX',
  }),
  AIRTABLE_TABLE: Type.String({ minLength: 1, description: "the table's id or name" }),
  AIRTABLE_FIELDS: Type.Refine(
    Type.Object(AirtableFields.properties, {
      additionalProperties: false,
      description: 'JSON such as {"email":"Email"}; column names without braces, or the ids of all columns',
      default: {
        email: 'Email',
        name: 'Name',
        status: 'Status',
        role: 'Role',
        passwordHash: 'Password Hash',
        modifiedAt: 'Last Modified',
      },
    }),
    areNamedAlike,
  ),
  AIRTABLE_EMAILS: Type.Optional(
    Type.Union([Type.Literal('verified'), Type.Literal('unverified')], {
      description: 'verified or unverified: whether an address in the table proves who somebody is',
    }),
  ),
  AIRTABLE_API_URL: Type.String({
    pattern: '^https?://[^/?#]+/?$',
    description: 'an address without a path',
    default: 'https://api.airtable.com',
  }),
  AIRTABLE_USER_SYNC_SECRET: Type.Optional(
    Type.Refine(
      Type.Array(Type.String(), {
        description: 'one or more secrets separated by commas; what follows whsec_ is base64',
      }),
      canSign,
    ),
  ),
  AIRTABLE_STATUS_MAP: Type.Record(
    Type.String(),
    Type.Union([Type.Literal('active'), Type.Literal('disabled')]),
    { description: 'JSON from your words to active or disabled', default: {} },
  ),
  AIRTABLE_ROLE_MAP: Type.Record(Type.String(), Role, {
    description: 'JSON from your words to owner, admin, member or viewer',
    default: {},
  }),
})
export type AirtableEnv = Static<typeof AirtableEnv>
