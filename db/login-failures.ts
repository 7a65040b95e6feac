import type { Sql } from 'postgres'

/** What failed logins in the running window of an account from a network count, and the seconds until it ends. */
export interface Failures {
  failures: number
  endsInS: number
}

export async function findFailures(
  sql: Sql,
  account: Buffer,
  network: string,
): Promise<Failures | undefined> {
  const [row] = await sql<Failures[]>`
    select failures, extract(epoch from window_ends_at - now())::float8 as "endsInS"
    from firstlogin.login_failures
    where account = ${account} and network = ${network} and window_ends_at > now()`
  return row
}

/** Counts one more, and answers with it; a window that is over starts anew. Old windows are swept away on the way. */
export async function countFailure(
  sql: Sql,
  account: Buffer,
  network: string,
  windowS: number,
  weight: number,
): Promise<Failures> {
  const [row] = await sql<[Failures]>`
    with swept as (
      delete from firstlogin.login_failures where ctid = any(array(
        select ctid from firstlogin.login_failures where window_ends_at < now() - interval '1 minute' limit 10
        for update skip locked))
    )
    insert into firstlogin.login_failures as f (account, network, failures, window_ends_at)
    values (${account}, ${network}, ${weight}, now() + make_interval(secs => ${windowS}))
    on conflict (account, network) do update set
      failures = case when f.window_ends_at > now() then f.failures + excluded.failures else excluded.failures end,
      window_ends_at = case when f.window_ends_at > now() then f.window_ends_at else excluded.window_ends_at end
    returning failures, extract(epoch from window_ends_at - now())::float8 as "endsInS"`
  return row
}

export async function clearFailures(sql: Sql, account: Buffer, network: string): Promise<void> {
  await sql`delete from firstlogin.login_failures where account = ${account} and network = ${network}`
}
