import type { ReservedSql, Sql, TransactionSql } from 'postgres'
import { isConnectionLost } from './faults.ts'

/**
 * Runs the work on a connection of its own, which awaits nothing but its statements. A transaction that the work leaves
 * open by throwing is undone, except on a connection that is gone: a statement there would end the process
 * (https://github.com/porsager/postgres/issues/1208), and so does the library's own `begin`.
 */
export async function onConnection<T>(sql: Sql, work: (connection: ReservedSql) => Promise<T>): Promise<T> {
  const connection = await sql.reserve()
  try {
    const result = await work(connection)
    connection.release()
    return result
  } catch (error) {
    if (!isConnectionLost(error)) await connection`rollback`.then(connection.release, () => {})
    throw error
  }
}

/**
 * Runs the work in one transaction, and undoes all of it when it throws. Once its connection is gone the work never
 * ends: the library's `begin`, which has answered by then, would send a statement to follow it. `begin` and not
 * `reserve`, which loses a connection of the pool for each that the database had ended.
 */
export async function inTransaction<T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  let isOver = false
  const endlessly = () => new Promise<never>(() => {})

  async function workUnlessOver(tx: TransactionSql): Promise<{ result: T }> {
    try {
      const result = await work(tx)
      return isOver ? await endlessly() : { result }
    } catch (error) {
      // Statements fail just before their connection says that it is closed.
      await new Promise(setImmediate)
      if (isOver) await endlessly()
      throw error
    }
  }

  try {
    const { result } = await sql.begin(workUnlessOver)
    return result
  } finally {
    isOver = true
  }
}
