import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { invalidRequest } from './errors.ts'

export type ListOptions = Type.Static<typeof ListOptions>
export const ListOptions = Type.Object({
  // What an offset must look like is said by the iterators, with an error of its own.
  offset: Type.Optional(Type.Unknown()),
  pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  maxRecords: Type.Optional(Type.Integer({ minimum: 1 })),
  view: Type.Optional(Type.String()),
  fields: Type.Optional(Type.Array(Type.String())),
  filterByFormula: Type.Optional(Type.String()),
  sort: Type.Optional(
    Type.Array(Type.Object({ field: Type.String(), direction: Type.Optional(Type.Enum(['asc', 'desc'])) })),
  ),
  returnFieldsByFieldId: Type.Optional(Type.Boolean()),
  cellFormat: Type.Optional(Type.Enum(['json', 'string'])),
  timeZone: Type.Optional(Type.String()),
  userLocale: Type.Optional(Type.String()),
  recordMetadata: Type.Optional(Type.Array(Type.String())),
})

const validator = Compile(ListOptions)

function checked(options: unknown): ListOptions {
  if (!validator.Check(options)) throw invalidRequest()
  if (options.cellFormat === 'string' && !(options.timeZone && options.userLocale)) {
    throw invalidRequest('cellFormat "string" needs timeZone and userLocale.')
  }
  return options
}

/** Options of a GET, spelled as `fields[]=A&sort[0][field]=A`. */
export function listOptionsFromQuery(query: URLSearchParams): ListOptions {
  const lists = { fields: new Array<string>(), recordMetadata: new Array<string>() }
  const sort = new Map<string, Record<string, string>>()
  const options: Record<string, unknown> = {}

  for (const [key, value] of query) {
    const [, name = '', index = '', part = ''] = /^(\w+)(?:\[(\d*)\])?(?:\[(\w+)\])?$/.exec(key) ?? []
    if (name === 'fields' || name === 'recordMetadata') lists[name].push(value)
    else if (name === 'sort') sort.set(index, { ...sort.get(index), [part]: value })
    else if (name === 'pageSize' || name === 'maxRecords') options[name] = Number(value)
    else if (name === 'returnFieldsByFieldId') options[name] = isOn(value)
    else options[name] = value
  }
  if (lists.fields.length > 0) options['fields'] = lists.fields
  if (sort.size > 0) options['sort'] = [...sort.values()]
  return checked(options)
}

/** Options of a POST listRecords: all in the body, but for the locale, which stays in the query. */
export function listOptionsFromBody(body: unknown, query: URLSearchParams): ListOptions {
  const locale = { timeZone: query.get('timeZone'), userLocale: query.get('userLocale') }
  const given = Object.entries(locale).filter(([, value]) => value !== null)
  const options = body === undefined ? {} : body
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw invalidRequest()
  return checked({ ...options, ...Object.fromEntries(given) })
}

export function isOn(value: string | null): boolean {
  return value === 'true' || value === '1'
}
