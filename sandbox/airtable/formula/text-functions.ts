import { type FormulaFunction, unary, variadic } from './evaluator.ts'
import { cellError, toNumber, toText, type Value } from './value.ts'

// A formula can make text grow by nesting SUBSTITUTE; Airtable's own cells end at 100,000 characters.
const longest = 100_000

export const textFunctions: Record<string, FormulaFunction> = {
  LOWER: unary((value) => toText(value).toLowerCase()),
  UPPER: unary((value) => toText(value).toUpperCase()),
  TRIM: unary((value) => toText(value).trim()),
  LEN: unary((value) => toText(value).length),
  CONCATENATE: variadic(0, (values) => bounded(values.map(toText).join(''))),
  FIND: variadic(2, ([needle = null, text = null, start = null]) => find(needle, text, start) + 1, 3),
  SEARCH: variadic(
    2,
    ([needle = null, text = null, start = null]) => {
      const index = find(needle, text, start)
      return index < 0 ? null : index + 1
    },
    3,
  ),
  SUBSTITUTE: variadic(3, substitute, 4),
  ARRAYJOIN: variadic(
    1,
    ([list = null, separator = ', ']) =>
      Array.isArray(list) ? bounded(list.map(toText).join(toText(separator))) : toText(list),
    2,
  ),
}

function bounded(text: string): string {
  if (text.length > longest) throw cellError
  return text
}

function find(needle: Value, text: Value, start: Value): number {
  return toText(text).indexOf(toText(needle), Math.max(0, toNumber(start) - 1))
}

function substitute([text = null, old = null, replacement = null, which]: Value[]): string {
  const sought = toText(old)
  if (sought === '') return toText(text)
  const parts = toText(text).split(sought)
  const put = toText(replacement)
  if (parts.length * put.length > longest) throw cellError
  if (which === undefined) return bounded(parts.join(put))
  const index = toNumber(which)
  if (index < 1 || index >= parts.length) return toText(text)
  return bounded(`${parts.slice(0, index).join(sought)}${put}${parts.slice(index).join(sought)}`)
}
