import { type Static, Type } from 'typebox'

/** An error as RFC 9457 has it; `code` is the one to switch on. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String({ pattern: '^FL_[A-Z_]+$' }),
  detail: Type.String(),
  requestId: Type.String(),
})
export type Problem = Static<typeof Problem>

/** The same as the answer of a route. */
export const ProblemAnswer = {
  description: 'A problem',
  content: { 'application/problem+json': { schema: Problem } },
}
