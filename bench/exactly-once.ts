import postgres from 'postgres'
import type { LoadResult } from './load.ts'

/** Throws unless the load left as many more events in these rows as it got answers of 200. */
export async function checkExactlyOnce(
  database: string,
  rows: 'events' | `firstlogin.inbound_events where ${string}`,
  load: () => Promise<LoadResult>,
): Promise<LoadResult> {
  const sql = postgres(database, { max: 1 })
  try {
    const before = await countEvents()
    const result = await load()
    const kept = (await countEvents()) - before
    if (kept !== result.answers) throw new Error(`${result.answers} events were answered, ${kept} were kept.`)
    return result
  } finally {
    await sql.end()
  }

  async function countEvents(): Promise<number> {
    const [row] = await sql.unsafe<[{ count: number }]>(`select count(*)::int as count from ${rows}`)
    return row.count
  }
}
