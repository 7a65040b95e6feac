import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { readAnswer } from '../answers.ts'

/** How far a walk has come. */
const Place = Type.Object({
  list: Type.Union([Type.Literal('users'), Type.Literal('tenants')]),
  /** What `_offset` counts. */
  counts: Type.Union([Type.Literal('pages'), Type.Literal('rows')]),
  offset: Type.Integer({ minimum: 0 }),
  /** The id at the end of the page before. */
  last: Type.Optional(Type.String()),
})
export type Place = Static<typeof Place>

const place = Compile(Place)

export const beginning: Place = { list: 'users', counts: 'pages', offset: 0 }

export function readPlace(text: string): Place | undefined {
  return readAnswer(place, text)
}

/**
 * The place after a page with these ids; undefined after the last one, which is a short one. Frontegg's `_offset`
 * counts pages, against its documentation: should that ever be put right, the second page begins with what the first
 * one had, and the walk goes on by rows. `stuck` when that has been the answer already.
 */
export function placeAfter(at: Place, ids: readonly string[], pageSize: number): Place | 'stuck' | undefined {
  const isRepeat = at.last !== undefined && ids.indexOf(at.last) >= pageSize / 2
  if (isRepeat && at.counts === 'rows') return 'stuck'
  const last = ids.at(-1)
  if (last === undefined || ids.length < pageSize) return undefined
  const counts = isRepeat ? 'rows' : at.counts
  return { list: at.list, counts, offset: at.offset + (counts === 'rows' ? ids.length : 1), last }
}
