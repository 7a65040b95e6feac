import type { PendingQuery, Row, Sql } from 'postgres'

/** Whose attempts are counted: `account` is a keyed hash of an address. */
export interface AttemptKeys {
  account: Buffer
  /** A client network, or a device. */
  client: string
}

export interface AttemptLimits {
  windowS: number
  /** Of one client that is not recognized, or of one device, in one window. */
  maxFailures: number
  /** Of a network from which this account has logged in before. */
  maxFailuresKnown: number
  /** Consecutive ones of one account, or of one recognized client: then it is recognized no longer. */
  maxConsecutive: number
}

/** An attempt as it was counted, or refused. */
export interface CountedAttempt {
  /** What the attempt counts for: the device if it is recognized, else the network. */
  client: string
  /** This account has logged in from this client in the last 90 days. */
  isRecognized: boolean
  isRefused: boolean
  /** Too many attempts were answered 503: an upstream that is still unavailable has to answer first. */
  mustAsk: boolean
  /** Seconds until the window ends. */
  endsInS: number
}

/**
 * Counts an attempt as a failure before the password is looked at, in one statement: of many at once, only as many as
 * are allowed are counted; the others are refused. Takes the same steps for known and unknown addresses. The client's
 * row is always locked before the account's.
 */
export async function countAttempt(
  sql: Sql,
  { account, network, device }: { account: Buffer; network: string; device: string | undefined },
  { windowS, maxFailures, maxFailuresKnown, maxConsecutive }: AttemptLimits,
): Promise<CountedAttempt> {
  const [row] = await sql<[CountedAttempt]>`
    with recognized as (
      select client from firstlogin.recognized_clients
      where account = ${account} and client in (${network}, ${device ?? network})
        and failures < ${maxConsecutive} and last_login_at > now() - interval '90 days'
      order by client = ${device ?? ''} desc limit 1
    ), attempt as (
      select coalesce(r.client, ${network}) as client, r.client is not null as is_recognized,
        case when r.client = ${network} then ${maxFailuresKnown}::int else ${maxFailures}::int end as max_failures
      from (select) as one left join recognized r on true
    ), counted as (
      insert into firstlogin.login_failures as f (account, client, failures, failures_while_away, window_ends_at)
      select ${account}, client, 1, 0, now() + make_interval(secs => ${windowS}) from attempt
      on conflict (account, client) do update set
        failures = case when f.window_ends_at > now() then f.failures else 0 end + 1,
        failures_while_away = case when f.window_ends_at > now() then f.failures_while_away else 0 end,
        window_ends_at = case when f.window_ends_at > now() then f.window_ends_at else excluded.window_ends_at end
      where f.window_ends_at <= now() or f.failures < (select max_failures from attempt)
      returning failures_while_away, window_ends_at
    ), in_all as (
      insert into firstlogin.account_failures as a (account, failures, failures_while_away, expires_at)
      select ${account}, 1, 0, now() + interval '2 days' from counted
      on conflict (account) do update set
        failures = case when a.expires_at > now() then a.failures else 0 end + 1,
        failures_while_away = case when a.expires_at > now() then a.failures_while_away else 0 end,
        -- few failures are soon forgotten, many are not: one every two days does not stay below the limit either
        expires_at = now() + interval '2 days' * case when a.expires_at > now() then a.failures + 1 else 1 end
      where a.expires_at <= now() or a.failures < ${maxConsecutive} or (select is_recognized from attempt)
      returning failures_while_away
    )
    select a.client, a.is_recognized as "isRecognized", i is null as "isRefused",
      coalesce(c.failures_while_away >= a.max_failures or i.failures_while_away >= ${maxConsecutive}, false) as "mustAsk",
      extract(epoch from coalesce(c.window_ends_at, (
        select window_ends_at from firstlogin.login_failures f
        where f.account = ${account} and f.client = a.client and f.window_ends_at > now()
      ), now() + make_interval(secs => ${windowS})) - now())::float8 as "endsInS",
      -- a count that a crash of the database forgets is not worth waiting for the disk
      set_config('synchronous_commit', 'off', true) as written
    from attempt a left join counted c on true left join in_all i on true`
  return row
}

/** A wrong password of a recognized client, which was counted before: one that fails too often is recognized no longer. */
export async function recordFailure(sql: Sql, { account, client }: AttemptKeys): Promise<void> {
  await sql`
    update firstlogin.recognized_clients set failures = failures + 1
    where account = ${account} and client = ${client} and last_login_at > now() - interval '90 days'`
}

/** Deletes rows that are over, at most so many of each table. */
export async function sweepAttempts(sql: Sql, limit: number): Promise<void> {
  await sql`
    with swept_windows as (
      delete from firstlogin.login_failures where ctid = any(array(
        select ctid from firstlogin.login_failures where window_ends_at < now() - interval '1 minute' limit ${limit}
        for update skip locked))
    ), swept_accounts as (
      delete from firstlogin.account_failures where ctid = any(array(
        select ctid from firstlogin.account_failures where expires_at < now() limit ${limit} for update skip locked))
    )
    delete from firstlogin.recognized_clients where ctid = any(array(
      select ctid from firstlogin.recognized_clients where last_login_at < now() - interval '90 days' limit ${limit}
      for update skip locked))`
}

/** Takes a counted failure back: entirely, or, where an upstream was unavailable, to count it as such. */
export async function uncountAttempt(
  sql: Sql,
  { account, client }: AttemptKeys,
  { whileAway }: { whileAway: 0 | 1 },
): Promise<void> {
  await sql`
    with uncounted as (
      update firstlogin.login_failures set failures = greatest(0, failures - 1),
        failures_while_away = failures_while_away + ${whileAway}
      where account = ${account} and client = ${client}
      returning failures
    )
    update firstlogin.account_failures set failures = greatest(0, failures - 1),
      failures_while_away = failures_while_away + ${whileAway}
    where account = ${account} and (select count(*) from uncounted) >= 0`
}

/** A login with the right password: whose failures it forgives, and which clients are recognized from now on. */
export interface SuccessfulAttempt extends AttemptKeys {
  recognize: string[]
}

/** Common table expressions, so that a success is written together with the session that it starts. */
export function forgiveness(
  sql: Sql,
  { account, client, recognize }: SuccessfulAttempt,
): PendingQuery<Row[]> {
  return sql`
    forgiven_client as (
      delete from firstlogin.login_failures where account = ${account} and client = ${client} returning client
    ), forgiven_account as (
      delete from firstlogin.account_failures
      where account = ${account} and (select count(*) from forgiven_client) >= 0
    ), recognized as (
      insert into firstlogin.recognized_clients as r (account, client)
      select ${account}, each.client from unnest(${recognize}::text[]) as each (client)
      -- most logins change nothing here, and then do not lock the row either
      where not exists (
        select from firstlogin.recognized_clients r where r.account = ${account} and r.client = each.client
          and r.failures = 0 and r.last_login_at > now() - interval '1 day')
      on conflict (account, client) do update set failures = 0, last_login_at = now()
    )`
}

export async function forgive(sql: Sql, attempt: SuccessfulAttempt): Promise<void> {
  await sql`with ${forgiveness(sql, attempt)} select`
}

/** Deletes what was counted for an account, and answers how many consecutive failures that were. */
export async function forgetFailures(sql: Sql, accounts: Buffer[]): Promise<number> {
  const [row] = await sql<[{ failures: number }]>`
    with windows as (
      delete from firstlogin.login_failures where account = any(${toHex(accounts)}::text[]::bytea[]) returning account
    ), forgotten as (
      delete from firstlogin.account_failures
      where account = any(${toHex(accounts)}::text[]::bytea[]) and (select count(*) from windows) >= 0 returning failures
    ), clients as (
      update firstlogin.recognized_clients set failures = 0
      where account = any(${toHex(accounts)}::text[]::bytea[]) and failures > 0
    )
    select coalesce(sum(failures), 0)::int as failures from forgotten`
  return row.failures
}

/** Moves what is stored of an account under former keys to its current one. */
export async function adoptAccount(sql: Sql, account: Buffer, former: Buffer[]): Promise<void> {
  if (former.length === 0) return
  await sql`
    with moved as (
      delete from firstlogin.login_failures where account = any(${toHex(former)}::text[]::bytea[]) returning *
    )
    insert into firstlogin.login_failures as f (account, client, failures, failures_while_away, window_ends_at)
    select ${account}, client, sum(failures), sum(failures_while_away), max(window_ends_at) from moved
    where window_ends_at > now() group by client
    on conflict (account, client) do update set failures = f.failures + excluded.failures,
      failures_while_away = f.failures_while_away + excluded.failures_while_away`
  await sql`
    with moved as (
      delete from firstlogin.account_failures where account = any(${toHex(former)}::text[]::bytea[]) returning *
    )
    insert into firstlogin.account_failures as a (account, failures, failures_while_away, expires_at)
    select ${account}, sum(failures), sum(failures_while_away), max(expires_at) from moved
    where expires_at > now() having count(*) > 0
    on conflict (account) do update set failures = a.failures + excluded.failures,
      failures_while_away = a.failures_while_away + excluded.failures_while_away,
      expires_at = greatest(a.expires_at, excluded.expires_at)`
  await sql`
    with moved as (
      delete from firstlogin.recognized_clients where account = any(${toHex(former)}::text[]::bytea[]) returning *
    )
    insert into firstlogin.recognized_clients as r (account, client, failures, last_login_at)
    select ${account}, client, max(failures), max(last_login_at) from moved group by client
    on conflict (account, client) do update set last_login_at = greatest(r.last_login_at, excluded.last_login_at)`
}

function toHex(bytes: Buffer[]): string[] {
  return bytes.map((each) => `\\x${each.toString('hex')}`)
}
