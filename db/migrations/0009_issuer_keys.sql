-- Public keys of issuers whose tokens are accepted. Kept, so that an instance that starts while an issuer is away knows
-- them all the same, and so that all instances together ask for them at a bounded rate.

create table firstlogin.issuer_keys (
  url text primary key,
  -- { keys: [...] }, public parts only; null until they were had once
  key_set jsonb,
  fetched_at timestamptz not null default '-infinity',
  asked_at timestamptz not null default '-infinity'
);
