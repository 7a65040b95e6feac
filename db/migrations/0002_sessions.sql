-- Sessions, the keys that sign their tokens, and the count of failed logins.

create table firstlogin.sessions (
  id uuid primary key,
  -- null when the person's row was lost: the identity below finds them again
  user_id uuid references firstlogin.users on delete set null,
  upstream text,
  external_id text,
  -- SHA-256 of the refresh token in force, and of the one before it
  generation integer not null default 0,
  token_hash bytea not null,
  previous_hash bytea,
  rotated_at timestamptz not null default now(),
  user_agent text,
  address inet,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz
);

create index sessions_user_id on firstlogin.sessions (user_id) where ended_at is null;
create index sessions_expires_at on firstlogin.sessions (expires_at);

create table firstlogin.signing_keys (
  kid text primary key,
  state text not null check (state in ('next', 'current', 'previous', 'retired')),
  public_jwk jsonb not null,
  -- AES-256-GCM under a key derived from FIRSTLOGIN_SECRET
  sealed_private_key bytea not null,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);

create unique index signing_keys_one_per_state on firstlogin.signing_keys (state) where state <> 'retired';

-- Only failures count, and only for the network that they came from: nobody locks somebody else out.
create unlogged table firstlogin.login_failures (
  account bytea not null,
  network text collate "C" not null,
  failures integer not null,
  -- of those that could only be told "try again later", since an upstream was away
  failures_while_away integer not null,
  window_ends_at timestamptz not null,
  primary key (account, network)
);

create index login_failures_window_ends_at on firstlogin.login_failures (window_ends_at);
