import { invalidOffset, iteratorGone } from './errors.ts'
import { createId, isId } from './ids.ts'
import type { StoredRecord } from './table.ts'

export type Page = { records: readonly StoredRecord[]; offset?: string }

export type Iterators = {
  /** The first page of a listing; what later pages show is settled now. */
  start(snapshot: readonly StoredRecord[], pageSize: number): Page
  next(offset: unknown, pageSize: number): Page
  expireAll(): void
}

type Iterator = { snapshot: readonly StoredRecord[]; usedAt: number }

/** Remembers listings between their pages, until they have rested for too long. */
export function createIterators(idleMs: number, clock: () => number): Iterators {
  const iterators = new Map<string, Iterator | 'expired'>()

  function page(id: string, snapshot: readonly StoredRecord[], from: number, pageSize: number): Page {
    const records = snapshot.slice(from, from + pageSize)
    const last = records.at(-1)
    if (!last || from + pageSize >= snapshot.length) return { records }
    iterators.set(id, { snapshot, usedAt: clock() })
    return { records, offset: `${id}/${last.id}` }
  }

  function sweep(): void {
    for (const [id, iterator] of iterators) {
      if (iterator !== 'expired' && clock() - iterator.usedAt > idleMs) iterators.set(id, 'expired')
    }
  }

  return {
    start: (snapshot, pageSize) => page(createId('itr'), snapshot, 0, pageSize),
    next(offset, pageSize) {
      const [id = '', recordId = '', ...more] = typeof offset === 'string' ? offset.split('/') : []
      if (!isId('itr', id) || !recordId.startsWith('rec') || more.length > 0) throw invalidOffset(offset)
      sweep()
      const iterator = iterators.get(id)
      if (iterator === 'expired') throw iteratorGone()
      const index = iterator?.snapshot.findIndex((record) => record.id === recordId) ?? -1
      if (!iterator || index < 0) throw invalidOffset(offset)
      return page(id, iterator.snapshot, index + 1, pageSize)
    },
    expireAll() {
      for (const id of iterators.keys()) iterators.set(id, 'expired')
    },
  }
}
