-- The call budget and the circuit breaker of each upstream, shared by all instances. Not logged: it may be
-- forgotten, and a call should not wait for the disk.

create unlogged table firstlogin.upstream_gates (
  gate text primary key,
  -- milliseconds since 1970 by this database's clock; see domain/gate.ts
  state jsonb not null,
  rechecked_at timestamptz not null default '-infinity'
);
