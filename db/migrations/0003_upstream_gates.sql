-- The call budget and the circuit breaker of each upstream, shared by all instances.

create table firstlogin.upstream_gates (
  gate text primary key,
  -- milliseconds since 1970 by this database's clock; see domain/gate.ts
  state jsonb not null,
  rechecked_at timestamptz not null default '-infinity'
);
