import type { Sql, TransactionSql } from 'postgres'

/**
 * Runs the work in one transaction, and undoes all of it when it throws; the work awaits nothing but its statements.
 * Where their connection is gone it never ends: the library's `begin` has answered by then, and the statement that it
 * would send after the work ends the process (https://github.com/porsager/postgres/issues/1208). `reserve` is no way
 * around: it loses a connection of the pool for each that the database had ended.
 */
export async function inTransaction<T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  let isOver = false
  const endlessly = () => new Promise<never>(() => {})

  async function workUnlessOver(tx: TransactionSql): Promise<{ result: T }> {
    try {
      const result = await work(tx)
      return isOver ? await endlessly() : { result }
    } catch (error) {
      // Statements fail a few turns before their connection says that it is closed.
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
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
