import type { StoredRecord, Table } from './table.ts'

/** Who acts: a person with the base open in a browser, or a program with a token. */
export type ActionSource = 'client' | 'publicApi'

export type RecordChange = {
  table: Table
  id: string
  /** Absent on a record that the action created. */
  before: StoredRecord | undefined
  /** Absent on a record that the action deleted. */
  after: StoredRecord | undefined
}

export type Stamp = {
  source: ActionSource
  at: number
  /** One more with every action in the base. */
  transaction: number
}

export type Action = Stamp & { changes: readonly RecordChange[] }

export type Journal = {
  /** Everything that is written within is one action; whatever is written outside of one is a user's. */
  act<T>(source: ActionSource, write: () => T): T
  /** What a table has just done to a record. */
  note(change: RecordChange): void
  /** For an action that touches no records. */
  stamp(source: ActionSource): Stamp
  subscribe(listener: (action: Action) => void): void
}

/** Tells actions to its listeners, each record once with what it was before and is after; none if nothing changed. */
export function createJournal(clock: () => number): Journal {
  const listeners: ((action: Action) => void)[] = []
  let noted: Map<string, RecordChange> | undefined
  let transaction = 0

  function act<T>(source: ActionSource, write: () => T): T {
    const changes = new Map<string, RecordChange>()
    const outer = noted
    noted = changes
    try {
      return write()
    } finally {
      noted = outer
      publish(
        source,
        [...changes.values()].filter(({ before, after }) => before !== after),
      )
    }
  }

  function publish(source: ActionSource, changes: readonly RecordChange[]): void {
    if (changes.length === 0) return
    const action = { ...stamp(source), changes }
    for (const listener of listeners) listener(action)
  }

  function stamp(source: ActionSource): Stamp {
    transaction += 1
    return { source, at: clock(), transaction }
  }

  function note(change: RecordChange): void {
    if (!noted) {
      act('client', () => note(change))
      return
    }
    const key = `${change.table.id}/${change.id}`
    const first = noted.get(key)
    noted.set(key, first ? { ...change, before: first.before } : change)
  }

  return { act, note, stamp, subscribe: (listener) => void listeners.push(listener) }
}
