import type { FastifySchema, RouteOptions } from 'fastify'
import { catalogue, type ErrorCode } from '../../errors.ts'
import { ProblemAnswer } from '../../schemas/problem.ts'

declare module 'fastify' {
  interface FastifySchema {
    /** For the documentation: what this route answers besides what all routes may. */
    errors?: readonly ErrorCode[]
    /** For the documentation: the route also takes no body at all. */
    isBodyOptional?: true
  }
}

const always: readonly ErrorCode[] = [
  'FL_REQUEST_TIMEOUT',
  'FL_HEADERS_TOO_LARGE',
  'FL_INTERNAL',
  'FL_OVERLOADED',
]
const withBody: readonly ErrorCode[] = [
  'FL_REQUEST_INVALID',
  'FL_JSON_INVALID',
  'FL_BODY_TOO_LARGE',
  'FL_CONTENT_TYPE_UNSUPPORTED',
]
const withParameters: readonly ErrorCode[] = ['FL_REQUEST_INVALID']

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** A route's schema for the documentation: its id is the handler's name, and each status of an error has its codes. */
export function toOperation(schema: FastifySchema, route: RouteOptions): FastifySchema {
  const {
    errors = [],
    isBodyOptional,
    response,
    ...rest
  } = schema as FastifySchema & { operationId?: string }
  const codes = new Set([...errors, ...always, ...(rest.querystring || rest.params ? withParameters : [])])
  if (rest.body && !rest.operationId?.endsWith('Webhook')) for (const code of withBody) codes.add(code)
  const answers = Object.entries(isRecord(response) ? response : {})
  return {
    ...rest,
    operationId: rest.operationId ?? route.handler.name,
    ...(isBodyOptional && { 'x-optional-body': true }),
    response: {
      ...Object.fromEntries(answers.filter(([status]) => !/^[45]/.test(status))),
      ...toProblems(codes),
    },
  }
}

function toProblems(codes: ReadonlySet<ErrorCode>): Record<string, unknown> {
  const statuses = [...new Set([...codes].map((code) => catalogue[code][0]))].sort((a, b) => a - b)
  return Object.fromEntries(
    statuses.map((status) => {
      const own = [...codes].filter((code) => catalogue[code][0] === status)
      const description = own.map((code) => `\`${code}\`: ${catalogue[code][1]}`).join('\n\n')
      return [status, { ...ProblemAnswer, description }]
    }),
  )
}

/** Bodies that may be left out are documented as such. */
export function markOptionalBodies(paths: unknown): void {
  if (!isRecord(paths)) return
  for (const operation of Object.values(paths).flatMap((item) =>
    isRecord(item) ? Object.values(item) : [],
  )) {
    if (!isRecord(operation)) continue
    if (operation['x-optional-body'] && isRecord(operation['requestBody']))
      operation['requestBody']['required'] = false
    delete operation['x-optional-body']
  }
}
