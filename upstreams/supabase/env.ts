import { type Static, Type } from 'typebox'
import { createSignatureKeys } from '../../domain/signature.ts'
import { Role } from '../../schemas/user.ts'

/** The keys of hook secrets as Supabase shows them, `v1,whsec_...`; several are separated by commas or, as there, by `|`. */
export function toHookKeys(secrets: string): ReturnType<typeof createSignatureKeys> {
  const parts = secrets.split(/[|,]/).map((part) => part.trim())
  return createSignatureKeys({ standard: parts.filter((part) => part !== 'v1') })
}

function canVerify(secret: string): boolean {
  try {
    return toHookKeys(secret).standard.length > 0
  } catch {
    return false
  }
}

export const SupabaseEnv = Type.Object({
  SUPABASE_URL: Type.Refine(
    Type.String({
      pattern: '^https?://[^/?#@\\s]+/?$',
      description: "the project's address without a path, such as https://abcdefghijklmnopqrst.supabase.co",
    }),
    (text) => URL.canParse(text),
  ),
  SUPABASE_SECRET_KEY: Type.String({
    pattern: '^(sb_secret_[\\w-]+|[\\w-]+\\.[\\w-]+\\.[\\w-]+)$',
    description: 'a key that begins with sb_secret_, or the legacy service_role key',
  }),
  SUPABASE_WEBHOOK_SECRET: Type.Optional(
    Type.Array(Type.String({ pattern: '^[\\x21-\\x7e]{24,1000}$' }), {
      minItems: 1,
      description: 'one or more secrets of 24 characters or more, without spaces, separated by commas',
    }),
  ),
  SUPABASE_HOOK_SECRET: Type.Optional(
    Type.Refine(
      Type.String({
        description: 'as Supabase shows it, v1,whsec_ and base64; several are separated by commas',
      }),
      canVerify,
    ),
  ),
  SUPABASE_SIGNUPS: Type.Union([Type.Literal('anyone'), Type.Literal('known')], {
    description: 'anyone, or known for people who are known here already',
    default: 'anyone',
  }),
  SUPABASE_ROLE_MAP: Type.Record(Type.String(), Role, {
    description: 'JSON from your words to owner, admin, member or viewer',
    default: {},
  }),
})
export type SupabaseEnv = Static<typeof SupabaseEnv>
