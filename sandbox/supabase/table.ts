import { UniqueViolation } from './errors.ts'
import { confirmedAt, createRow, type Row, toRowTime } from './row.ts'

export interface RowChange {
  type: 'INSERT' | 'UPDATE' | 'DELETE'
  record: Row | null
  oldRecord: Row | null
}

export interface Table {
  /** A time of now; no two are the same. */
  now(): string
  all(): Row[]
  find(id: string): Row | undefined
  insert(id: string, known: Partial<Row>): Row
  /** One statement: moves updated_at. Null if there is no such row any more. */
  update(id: string, changed: Partial<Row>): Row
  remove(id: string): void
  /** All or nothing: what happened is told when all of it has. */
  transaction<T>(work: () => T): T
}

/** The table auth.users. Rows are never changed in place; `tell` is its trigger. */
export function createTable(clock: () => number, tell: (change: RowChange) => void): Table {
  let rows = new Map<string, Row>()
  let told: RowChange[] | undefined
  let lastMicros = 0

  function note(change: RowChange): void {
    if (told) told.push(change)
    else tell(change)
  }

  function check(row: Row): void {
    const others = [...rows.values()].filter(({ id }) => id !== row.id)
    // The index leaves SSO users out: those may share an address.
    const isTaken =
      !row.is_sso_user && others.some((other) => !other.is_sso_user && other.email === row.email)
    if (row.email !== null && isTaken) throw new UniqueViolation('users_email_partial_key')
    if (row.phone !== null && others.some(({ phone }) => phone === row.phone))
      throw new UniqueViolation('users_phone_key')
  }

  const table: Table = {
    now() {
      lastMicros = Math.max(lastMicros + 1, Math.floor(clock() * 1000))
      return toRowTime(lastMicros)
    },
    all: () => [...rows.values()],
    find: (id) => rows.get(id),
    insert(id, known) {
      if (rows.has(id)) throw new UniqueViolation('users_pkey')
      const row = createRow(id, table.now(), known)
      check(row)
      rows.set(id, row)
      note({ type: 'INSERT', record: row, oldRecord: null })
      return row
    },
    update(id, changed) {
      const before = rows.get(id)
      if (!before) throw new Error(`There is no row ${id}.`)
      const row = { ...before, updated_at: table.now(), ...changed }
      row.confirmed_at = confirmedAt(row)
      check(row)
      rows.set(id, row)
      note({ type: 'UPDATE', record: row, oldRecord: before })
      return row
    },
    remove(id) {
      const before = rows.get(id)
      if (rows.delete(id)) note({ type: 'DELETE', record: null, oldRecord: before ?? null })
    },
    transaction(work) {
      const before = new Map(rows)
      const heard: RowChange[] = []
      told = heard
      try {
        const done = work()
        told = undefined
        heard.forEach(tell)
        return done
      } catch (error) {
        rows = before
        throw error
      } finally {
        told = undefined
      }
    },
  }
  return table
}
