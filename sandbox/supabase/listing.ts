import { invalid } from './errors.ts'
import type { Row } from './row.ts'

export interface ListQuery {
  page?: string
  per_page?: string
  filter?: string
}

/** A page of all users, the newest first; among those of one moment no order is promised. */
export function listRows(all: Row[], query: ListQuery, path: string) {
  const page = readNumber(query.page, 1)
  const perPage = readNumber(query.per_page, 50)
  const rows = all
    .filter((row) => row.aud === 'authenticated' && (!query.filter || isLike(row, query.filter)))
    .sort((a, b) => compare(toSortable(b.created_at), toSortable(a.created_at)))
  const from = (page - 1) * perPage
  const last = Math.ceil(rows.length / perPage)
  const link = (number: number, rel: string) => {
    const values = new URLSearchParams({ ...query, page: String(number) })
    values.sort()
    return `<${path}?${values.toString()}>; rel="${rel}"`
  }
  const links = [...(last > page ? [link(page + 1, 'next')] : []), link(last, 'last')]
  return {
    rows: rows.slice(from, from + perPage),
    headers: { link: links.join(', '), 'x-total-count': String(rows.length) },
  }
}

function isLike({ email, raw_user_meta_data }: Row, filter: string): boolean {
  const name = raw_user_meta_data['full_name']
  return toLike(filter, '').test(email ?? '') || (typeof name === 'string' && toLike(filter, 'i').test(name))
}

/** SQL's LIKE of what is anywhere within: `%` is any text, `_` any character, and a backslash takes the next one as it is. */
function toLike(filter: string, flags: 'i' | ''): RegExp {
  const pattern = filter.replace(/\\(.)|([\s\S])/gu, (_all, escaped?: string, plain?: string) => {
    if (plain === '%') return '[^]*'
    if (plain === '_') return '[^]'
    return (escaped ?? plain ?? '').replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  })
  return new RegExp(`^[^]*${pattern}[^]*$`, `u${flags}`)
}

function readNumber(text: string | undefined, otherwise: number): number {
  if (!text) return otherwise
  if (!/^\d+$/.test(text))
    throw invalid(
      `Bad Pagination Parameters: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    )
  // Zero means the usual here, too.
  return Number(text) || otherwise
}

/** A fraction of any length, so that texts compare like times. */
function toSortable(time: string): string {
  const [, whole = '', fraction = ''] = /^([^.+]+)(?:\.(\d+))?/.exec(time) ?? []
  return `${whole}.${fraction.padEnd(6, '0')}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
