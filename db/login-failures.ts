import type { Sql } from 'postgres'

/** Failed logins in the running window for an account from a network, and the seconds until the window ends. */
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

/** Counts one more; a window that is over starts anew. Now and then old windows are swept away. */
export async function countFailure(
  sql: Sql,
  account: Buffer,
  network: string,
  windowS: number,
): Promise<void> {
  await sql`
    with swept as (
      delete from firstlogin.login_failures where ctid = any(array(
        select ctid from firstlogin.login_failures where window_ends_at < now() - interval '1 minute' limit 10
        for update skip locked))
    )
    insert into firstlogin.login_failures as f (account, network, failures, window_ends_at)
    values (${account}, ${network}, 1, now() + make_interval(secs => ${windowS}))
    on conflict (account, network) do update set
      failures = case when f.window_ends_at > now() then f.failures + 1 else 1 end,
      window_ends_at = case when f.window_ends_at > now() then f.window_ends_at else excluded.window_ends_at end`
}

export async function clearFailures(sql: Sql, account: Buffer, network: string): Promise<void> {
  await sql`delete from firstlogin.login_failures where account = ${account} and network = ${network}`
}
