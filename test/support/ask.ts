import postgres, { type Sql } from 'postgres'

/** One connection for one question. */
export async function ask<T>(url: string | undefined, question: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url ?? '', { max: 1, onnotice: () => {}, connect_timeout: 5 })
  return question(sql).finally(() => sql.end({ timeout: 1 }))
}
