import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Sql, TransactionSql } from 'postgres'

type Work = (tx: TransactionSql) => unknown

/**
 * Makes `begin` survive a connection that breaks in the middle: the library would send `rollback` or `commit` over the
 * socket that it has just let go of, and end the process. https://github.com/porsager/postgres/issues/1208
 */
export function withSafeBegin(sql: Sql): Sql {
  const begin = sql.begin.bind(sql) as (options: string, work: Work) => Promise<unknown>

  async function safeBegin(...args: [string, Work] | [Work]): Promise<unknown> {
    const [options, work] = args.length === 2 ? args : ['', args[0]]
    let isOver = false
    // What was broken off has its answer already: there is nothing left to send, so the work never ends.
    const settle = () => (isOver ? new Promise<never>(() => {}) : undefined)

    async function workSafely(tx: TransactionSql): Promise<unknown> {
      try {
        const result = work(tx)
        const settled = await (Array.isArray(result) ? Promise.all(result) : result)
        await settle()
        return settled
      } catch (error) {
        // The queries of a connection fail just before it says that it is closed.
        await nextTurn()
        await settle()
        throw error
      }
    }

    return begin(options, workSafely).finally(() => {
      isOver = true
    })
  }

  return Object.assign(sql, { begin: safeBegin as Sql['begin'] })
}
