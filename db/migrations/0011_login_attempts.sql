-- Login attempts are counted before the password is looked at: per account and client, and per account over all clients.
-- `account` is a keyed hash of the address: no address is stored, and rows exist for unknown addresses alike.

-- a client network, or one device with a cookie of ours
alter table firstlogin.login_failures rename column network to client;

-- Logged, unlike the counts of the running window: a crash of the database must not give an attacker another hundred guesses.
create table firstlogin.account_failures (
  account bytea primary key,
  -- consecutive: a login with the right password deletes the row
  failures integer not null,
  -- of those that were answered 503, because an upstream was unavailable
  failures_while_away integer not null,
  expires_at timestamptz not null
);

create index account_failures_expires_at on firstlogin.account_failures (expires_at);

-- Clients from which this account has logged in before.
create table firstlogin.recognized_clients (
  account bytea not null,
  client text collate "C" not null,
  -- consecutive failures of this client since its last login
  failures integer not null default 0,
  last_login_at timestamptz not null default now(),
  primary key (account, client)
);

create index recognized_clients_last_login_at on firstlogin.recognized_clients (last_login_at);
