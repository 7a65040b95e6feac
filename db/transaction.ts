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

/** Runs the work in one transaction, and undoes all of it when it throws. */
export async function inTransaction<T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  return onConnection(sql, async (connection) => {
    await connection`begin`
    // What the work may use of a transaction is what a connection of its own has, too.
    const result = await work(connection as unknown as TransactionSql)
    const { command } = await connection`commit`
    // What Postgres makes of it after a failure that the work kept to itself.
    if (command === 'ROLLBACK')
      throw new Error('A statement failed and the transaction was committed all the same.')
    return result
  })
}
