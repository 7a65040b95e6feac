import type { FastifyRequest } from 'fastify'
import { invalidParameter } from './errors.ts'

const mostListed = 100

/** The query of a listing, read as Clerk does: arrays with or without brackets. Throws Clerk's 422. */
export function createQuery(request: FastifyRequest) {
  const given = request.query as Record<string, string | string[] | undefined>

  function all(name: string): string[] | undefined {
    const told = [given[name], given[`${name}[]`]].filter((one) => one !== undefined).flat()
    if (told.length === 0) return undefined
    if (told.length > mostListed) throw invalidParameter(name, `accepts at most ${mostListed} values.`)
    return told
  }

  function one(name: string): string | undefined {
    return all(name)?.[0]
  }

  function whole(name: string, fallback: number, least: number, most: number): number {
    const value = Number(one(name) ?? fallback)
    if (!Number.isInteger(value) || value < least || value > most)
      throw invalidParameter(name, `must be a whole number from ${least} to ${most}.`)
    return value
  }

  /** `+` arrives as a space where it was not encoded. */
  function order(allowed: readonly string[]): { by: string; isAscending: boolean } {
    const { sign, by = '' } =
      /^(?<sign>[+ -]?)(?<by>\w+)$/.exec(one('order_by') ?? '-created_at')?.groups ?? {}
    if (!allowed.includes(by)) throw invalidParameter('order_by', `must be one of ${allowed.join(', ')}.`)
    return { by, isAscending: sign !== '-' }
  }

  return {
    all,
    one,
    order,
    limit: () => whole('limit', 10, 1, 500),
    offset: () => whole('offset', 0, 0, Number.MAX_SAFE_INTEGER),
  }
}

export type Query = ReturnType<typeof createQuery>

/** Ids to have, and, behind a minus, ids not to have. */
export function isWanted(id: string, listed: readonly string[] | undefined): boolean {
  if (!listed) return true
  const bare = listed.filter((one) => !one.startsWith('-')).map((one) => one.replace(/^[+ ]/, ''))
  if (listed.includes(`-${id}`)) return false
  return bare.length === 0 || bare.includes(id)
}

/** In the order that was asked for; equals keep the order in which they came. */
export function sorted<T extends object>(
  records: readonly T[],
  query: Query,
  allowed: readonly string[],
): T[] {
  const { by, isAscending } = query.order(allowed)
  const valueOf = (record: T) => (record as Record<string, string | number | null>)[by] ?? ''
  const inOrder = [...records].sort((a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)]
    return left < right ? -1 : left > right ? 1 : 0
  })
  return isAscending ? inOrder : inOrder.toReversed()
}
