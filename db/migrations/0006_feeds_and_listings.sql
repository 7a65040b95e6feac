-- Subscriptions to news of upstreams, and complete listings of them. Each has one worker at a time: whoever holds the
-- lease, which ends by itself when that instance dies.

create table firstlogin.feeds (
  upstream text primary key,
  -- { id, secret }, AES-256-GCM under a key derived from FIRSTLOGIN_SECRET
  sealed_subscription bytea not null,
  -- where the news begin that were not applied yet; moves together with their effects
  cursor bigint not null,
  subscribed_at timestamptz not null default now(),
  pinged_at timestamptz not null default '-infinity',
  read_at timestamptz not null default '-infinity',
  renewed_at timestamptz not null default now(),
  worker uuid,
  worker_until timestamptz not null default '-infinity'
);

create table firstlogin.listings (
  id uuid primary key,
  upstream text not null,
  state text not null check (state in ('running', 'complete', 'refused')),
  started_at timestamptz not null,
  finished_at timestamptz,
  -- where the next page begins; null for the first
  next_page text,
  pages integer not null default 0,
  seen integer not null default 0,
  changed integer not null default 0,
  vanished integer not null default 0,
  worker uuid,
  worker_until timestamptz not null default '-infinity'
);

create unique index listings_one_running on firstlogin.listings (upstream) where state = 'running';
