import type { Sql, TransactionSql } from 'postgres'
import { createTransactionGuard } from './transaction-guard.ts'
import { protectHandle } from './transaction-handle.ts'

/**
 * Runs the work in one transaction, and undoes all of it when it throws. The handle ends with the transaction and with
 * its connection: whatever is done with it later is refused, on any pool. Await its statements inside of the work.
 */
export async function inTransaction<T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  const guard = createTransactionGuard()
  const begun = sql.begin((tx) => guard.run(async () => ({ result: await work(protectHandle(tx, guard)) })))
  begun.catch(guard.lose)
  const { result } = await Promise.race([begun, guard.lost])
  return result
}
