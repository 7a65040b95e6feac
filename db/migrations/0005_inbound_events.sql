-- Events that upstreams told, by the month of their arrival: an old month is dropped whole.

create table firstlogin.inbound_events (
  month date not null,
  source text not null,
  event_id text collate "C" not null,
  event_type text not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null default now(),
  result text not null check (result in ('processed', 'stale', 'ignored', 'failed')),
  -- why it failed: a code
  reason text,
  attempts integer not null default 1,
  -- without secrets and hashes
  payload jsonb not null,
  primary key (source, event_id, month)
) partition by range (month);

create index inbound_events_failed on firstlogin.inbound_events (received_at) where result = 'failed';
