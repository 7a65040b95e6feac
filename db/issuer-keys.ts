import type { Sql } from 'postgres'

export interface StoredKeySet {
  keySet: unknown
  /** Milliseconds since they were had, and since somebody last asked, by the database's clock. */
  ageMs: number
  askedForMs: number
}

export async function findKeySet(sql: Sql, url: string): Promise<StoredKeySet | undefined> {
  const [row] = await sql<StoredKeySet[]>`
    select key_set as "keySet",
      least(extract(epoch from now() - fetched_at) * 1000, 1e15)::float8 as "ageMs",
      least(extract(epoch from now() - asked_at) * 1000, 1e15)::float8 as "askedForMs"
    from firstlogin.issuer_keys where url = ${url}`
  return row
}

/** True for the one instance that may ask the issuer now: the next may after `pauseMs`. */
export async function claimAsking(sql: Sql, url: string, pauseMs: number): Promise<boolean> {
  const { count } = await sql`
    insert into firstlogin.issuer_keys as k (url, asked_at) values (${url}, now())
    on conflict (url) do update set asked_at = now()
      where k.asked_at <= now() - make_interval(secs => ${pauseMs / 1000})`
  return count === 1
}

export async function saveKeySet(sql: Sql, url: string, keySet: object): Promise<void> {
  await sql`
    update firstlogin.issuer_keys set key_set = ${sql.json(keySet as never)}, fetched_at = now() where url = ${url}`
}
