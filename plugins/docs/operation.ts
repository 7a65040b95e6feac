import type { FastifySchema, RouteOptions } from 'fastify'
import { catalogue, type ErrorCode } from '../../errors.ts'
import { ProblemAnswer } from '../../schemas/problem.ts'

declare module 'fastify' {
  interface FastifySchema {
    /** For the documentation: what this route answers besides what all routes may. */
    errors?: readonly ErrorCode[]
    /** For the documentation: the route also takes no body at all. */
    isBodyOptional?: true
    /** For the documentation: the header whose value proves who sends the request. */
    signatureHeader?: string | undefined
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
export function toOperation(schema: FastifySchema | undefined, route: RouteOptions): FastifySchema {
  const {
    errors = [],
    isBodyOptional,
    signatureHeader,
    response,
    ...rest
  }: FastifySchema & { operationId?: string } = schema ?? {}
  const codes = new Set([...errors, ...always, ...(rest.querystring || rest.params ? withParameters : [])])
  // A route that proves the bytes of its body reads them by itself.
  if (rest.body && !signatureHeader) for (const code of withBody) codes.add(code)
  const answers = Object.entries(isRecord(response) ? response : {})
  return {
    ...rest,
    operationId: rest.operationId ?? route.handler.name,
    ...(isBodyOptional && { 'x-optional-body': true }),
    ...(signatureHeader && { security: [{ [toScheme(signatureHeader)]: [] }] }),
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

/** The name of the security scheme of a header. */
function toScheme(header: string): string {
  return `header-${header}`
}

/** A route refers to the scheme of its header, which has to be there first. */
export function addSignatureScheme(schemes: object, schema: FastifySchema | undefined): void {
  const name = schema?.signatureHeader
  if (name) Object.assign(schemes, { [toScheme(name)]: { type: 'apiKey', in: 'header', name } })
}

/** Bodies that may be left out are documented as such. */
export function markOptionalBodies(paths: unknown): void {
  const items = isRecord(paths) ? Object.values(paths).filter(isRecord) : []
  for (const operation of items.flatMap((item) => Object.values(item)).filter(isRecord)) {
    const { 'x-optional-body': isOptional, requestBody } = operation
    if (isOptional && isRecord(requestBody)) requestBody['required'] = false
    delete operation['x-optional-body']
  }
}
