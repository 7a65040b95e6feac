import { type Static, Type } from 'typebox'
import { createSignatureKeys } from '../../domain/signature.ts'
import { Role } from '../../schemas/user.ts'

const Origin = Type.String({ minLength: 1 })

function canVerify(secrets: string[]): boolean {
  try {
    return createSignatureKeys({ svix: secrets }).svix.length > 0
  } catch {
    return false
  }
}

export const ClerkEnv = Type.Object({
  CLERK_SECRET_KEY: Type.String({
    pattern: '^[\\x21-\\x7e]+$',
    description: "the instance's secret key, sk_...",
  }),
  CLERK_ISSUER: Type.String({
    pattern: '^(https://[^\\s/?#@]+|http://(127\\.0\\.0\\.1|localhost)(:\\d+)?)(/[^\\s?#]*[^\\s?#/])?$',
    description: 'the Frontend API such as https://clerk.example.com, without a slash at its end',
  }),
  CLERK_API_URL: Type.String({
    pattern: '^https?://[^/?#]+/?$',
    description: 'an address without a path',
    default: 'https://api.clerk.com',
  }),
  CLERK_WEBHOOK_SECRET: Type.Optional(
    Type.Refine(
      Type.Array(Type.String(), {
        description: 'one or more signing secrets whsec_... separated by commas',
      }),
      canVerify,
    ),
  ),
  CLERK_INSTANCE_ID: Type.Optional(
    Type.String({ pattern: '^ins_[\\x21-\\x7e]{1,196}$', description: 'an id like ins_2g7np7Hrk0SN6kj5' }),
  ),
  CLERK_AUTHORIZED_PARTIES: Type.Array(Origin, {
    description: 'a comma list of the origins that may ask for tokens',
    default: [],
  }),
  CLERK_AUDIENCE: Type.Array(Origin, {
    description: 'a comma list of what may be in the aud of tokens',
    default: [],
  }),
  CLERK_ROLE_MAP: Type.Record(Type.String(), Role, {
    description: 'JSON from your roles to owner, admin, member or viewer',
    default: {},
  }),
})
export type ClerkEnv = Static<typeof ClerkEnv>
