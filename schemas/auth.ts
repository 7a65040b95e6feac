import { type Static, Type } from 'typebox'
import { Nullable } from './nullable.ts'
import { Role, User } from './user.ts'

// No NUL and no half of a surrogate pair: bcrypt stops at a NUL, Postgres refuses both.
const clean = '^[^\\u0000\\uD800-\\uDFFF]*$'

export const LoginRequest = Type.Object({
  email: Type.String({ minLength: 3, maxLength: 320, pattern: clean }),
  password: Type.String({ minLength: 1, maxLength: 1024, pattern: clean }),
  cookie: Type.Optional(Type.Boolean({ description: 'Put the tokens into cookies instead of the body.' })),
})
export type LoginRequest = Static<typeof LoginRequest>

/** Without the tokens where they went into cookies. Times to live in seconds. */
export const LoginReply = Type.Object({
  accessToken: Type.Optional(Type.String()),
  tokenType: Type.Literal('Bearer'),
  expiresIn: Type.Integer(),
  refreshToken: Type.Optional(Type.String()),
  user: User,
})
export type LoginReply = Static<typeof LoginReply>

/** An empty body where the token comes as a cookie. */
export const RefreshRequest = Nullable(
  Type.Object({ refreshToken: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })) }),
)
export type RefreshRequest = Static<typeof RefreshRequest>

export const Session = Type.Object({
  id: Type.String({ format: 'uuid' }),
  createdAt: Type.String({ format: 'date-time' }),
  expiresAt: Type.String({ format: 'date-time' }),
})

export const Membership = Type.Object({
  id: Type.String(),
  name: Type.String(),
  slug: Type.String(),
  role: Role,
})

export const Me = Type.Object({ user: User, organizations: Type.Array(Membership), session: Session })
export type Me = Static<typeof Me>

/** Who a token of ours or of an upstream's belongs to, and the organization that they act in. */
export const Visitor = Type.Object({
  user: User,
  organization: Nullable(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      name: Type.String(),
      slug: Type.String(),
      role: Role,
      roles: Type.Array(Type.String({ description: 'as upstream writes them' })),
    }),
  ),
  upstream: Nullable(Type.String({ description: 'whose token it is; null for our own' })),
  isImpersonated: Type.Boolean(),
})
export type Visitor = Static<typeof Visitor>
