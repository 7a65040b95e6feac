import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Base } from '../base.ts'
import { invalidRequest, typedError } from '../errors.ts'

export type Specification = Type.Static<typeof Specification>
export const Specification = Type.Object({
  options: Type.Object({
    filters: Type.Object({
      dataTypes: Type.Array(Type.Enum(['tableData', 'tableFields', 'tableMetadata']), { minItems: 1 }),
      recordChangeScope: Type.Optional(Type.String()),
      changeTypes: Type.Optional(Type.Array(Type.Enum(['add', 'remove', 'update']))),
      fromSources: Type.Optional(Type.Array(Type.String())),
      watchDataInFieldIds: Type.Optional(Type.Array(Type.String())),
    }),
    includes: Type.Optional(
      Type.Object({
        includeCellValuesInFieldIds: Type.Optional(
          Type.Union([Type.Literal('all'), Type.Array(Type.String())]),
        ),
        includePreviousCellValues: Type.Optional(Type.Boolean()),
      }),
    ),
  }),
})

const CreateWebhook = Compile(
  Type.Object({
    notificationUrl: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    specification: Specification,
  }),
)

/** Turns a foreign body into a webhook's order; throws what Airtable answers to a bad one. */
export function readOrder(
  body: unknown,
  base: Base,
): { notificationUrl: URL | undefined; specification: Specification } {
  if (!CreateWebhook.Check(body)) throw invalidRequest()
  const { specification, notificationUrl } = body
  const { recordChangeScope } = specification.options.filters
  if (recordChangeScope !== undefined && !base.tables.some(({ id }) => id === recordChangeScope)) {
    throw invalidFilters(`Could not find ${recordChangeScope} in the base.`)
  }
  const lost = namedFields(specification).find((id) => !hasField(base, id))
  if (lost !== undefined) throw invalidFilters(`Could not find field ${lost} in the base.`)
  return { specification, notificationUrl: urlOf(notificationUrl) }
}

/** The columns without which the specification makes no sense. */
export function namedFields({ options }: Specification): readonly string[] {
  const included = options.includes?.includeCellValuesInFieldIds ?? []
  return [...(options.filters.watchDataInFieldIds ?? []), ...(included === 'all' ? [] : included)]
}

function hasField(base: Base, id: string): boolean {
  return base.tables.some(({ fields }) => fields.some((field) => field.id === id))
}

function urlOf(text: string | null | undefined): URL | undefined {
  if (text === null || text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw typedError(422, 'INVALID_NOTIFICATION_URL', 'The notification URL is not a web address.')
}

// Airtable does not say how it refuses a specification that names what is not there.
const invalidFilters = (message: string) => typedError(422, 'INVALID_FILTERS', message)
