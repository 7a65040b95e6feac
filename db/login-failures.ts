import type { Sql } from 'postgres'

/** What went wrong in the running window for an account from a network, and the seconds until the window ends. */
export interface Failures {
  failures: number
  /** Those that were told "try again later", because an upstream that had to be asked was away. */
  whileAway: number
  endsInS: number
}

export interface ThrottleKey {
  account: Buffer
  network: string
}

const columns = (sql: Sql) => sql`
  failures, failures_while_away as "whileAway", extract(epoch from window_ends_at - now())::float8 as "endsInS"`

export async function findFailures(
  sql: Sql,
  { account, network }: ThrottleKey,
): Promise<Failures | undefined> {
  const [row] = await sql<Failures[]>`
    select ${columns(sql)} from firstlogin.login_failures
    where account = ${account} and network = ${network} and window_ends_at > now()`
  return row
}

/** Adds to the counts, and answers with them; a window that is over starts anew. Old windows are swept away on the way. */
export async function countFailure(
  sql: Sql,
  { account, network }: ThrottleKey,
  { windowS, failures, whileAway }: { windowS: number; failures: 0 | 1 | -1; whileAway: 0 | 1 },
): Promise<Failures> {
  const [row] = await sql<[Failures]>`
    with swept as (
      delete from firstlogin.login_failures where ctid = any(array(
        select ctid from firstlogin.login_failures where window_ends_at < now() - interval '1 minute' limit 10
        for update skip locked))
    )
    insert into firstlogin.login_failures as f (account, network, failures, failures_while_away, window_ends_at)
    values (${account}, ${network}, ${failures}, ${whileAway}, now() + make_interval(secs => ${windowS}))
    on conflict (account, network) do update set
      failures = excluded.failures + case when f.window_ends_at > now() then f.failures else 0 end,
      failures_while_away = excluded.failures_while_away
        + case when f.window_ends_at > now() then f.failures_while_away else 0 end,
      window_ends_at = case when f.window_ends_at > now() then f.window_ends_at else excluded.window_ends_at end
    returning ${columns(sql)}`
  return row
}

export async function clearFailures(sql: Sql, { account, network }: ThrottleKey): Promise<void> {
  await sql`delete from firstlogin.login_failures where account = ${account} and network = ${network}`
}
