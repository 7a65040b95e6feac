import type { Sql } from 'postgres'

/** The tables of the service that hold a text anywhere, in whatever column; bytes are searched as hex. */
export async function findText(sql: Sql, text: string): Promise<string[]> {
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables
    where table_schema = 'firstlogin' and table_type = 'BASE TABLE' order by table_name`
  const found: string[] = []
  for (const { name } of tables) {
    // The JSON of a row doubles backslashes and nothing else that a token or a hash has.
    const rows = await sql`
      select from firstlogin.${sql(name)} as row where strpos(to_jsonb(row)::text, ${text}) > 0 limit 1`
    if (rows.length > 0) found.push(name)
  }
  return found
}
