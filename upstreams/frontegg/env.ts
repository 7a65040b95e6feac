import { type Static, Type } from 'typebox'
import { Role } from '../../schemas/user.ts'

const address = '(https://[^/?#@\\s]+|http://(127\\.0\\.0\\.1|localhost|\\[::1\\])(:\\d+)?)'

export const FronteggEnv = Type.Object({
  FRONTEGG_CLIENT_ID: Type.String({
    pattern: '^[\\x21-\\x7e]{1,200}$',
    description: "the environment's client id",
  }),
  FRONTEGG_API_KEY: Type.String({ minLength: 1, description: "the environment's API key" }),
  FRONTEGG_ISSUER: Type.String({
    pattern: `^${address}(/[^?#\\s]*[^/?#\\s])?$`,
    description:
      'the exact `iss` of its tokens, like https://app-xyz.frontegg.com, without a slash at its end',
  }),
  FRONTEGG_API_URL: Type.String({
    pattern: `^${address}/?$`,
    description: 'the address of the region, like https://api.us.frontegg.com',
    default: 'https://api.frontegg.com',
  }),
  FRONTEGG_AUDIENCE: Type.Array(Type.String({ minLength: 1 }), {
    description: 'whom tokens are for, separated by commas; when empty, the client id',
    default: [],
  }),
  FRONTEGG_WEBHOOK_SECRET: Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'one or more secrets separated by commas',
    }),
  ),
  FRONTEGG_CALLS_PER_MINUTE: Type.Integer({
    minimum: 6,
    maximum: 6000,
    description: 'how many calls a minute the plan allows, some left to others',
    default: 90,
  }),
  FRONTEGG_ROLE_MAP: Type.Record(Type.String(), Role, {
    description: 'JSON from keys or names of your roles to owner, admin, member or viewer',
    default: {},
  }),
})
export type FronteggEnv = Static<typeof FronteggEnv>
