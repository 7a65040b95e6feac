-- People, and what each upstream said of them.

create table firstlogin.users (
  id uuid primary key,
  email text not null,
  -- null once the address has passed to somebody else
  email_canonical text collate "C",
  email_verified boolean not null default false,
  name text,
  avatar_url text,
  status text not null check (status in ('active', 'disabled', 'deleted')),
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  password_hash text,
  -- field -> { source, event, at }: where each value came from
  provenance jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_login_at timestamptz
);

create unique index users_email_canonical_key on firstlogin.users (email_canonical) where status <> 'deleted';
create index users_email_canonical on firstlogin.users (email_canonical);

-- One row per record of an upstream. A row is never removed: a deletion leaves its stamp as a tombstone.
create table firstlogin.identities (
  upstream text not null,
  external_id text collate "C" not null,
  user_id uuid references firstlogin.users on delete set null,
  -- the address that the record's newest news names
  email_canonical text collate "C",
  -- field -> { value, at, event }; the hash's value has a column of its own
  claims jsonb not null default '{}',
  password_hash text,
  -- { created, deleted }: the newest stamp of each
  lifecycle jsonb not null default '{}',
  checked_at timestamptz not null default now(),
  primary key (upstream, external_id)
);

create index identities_user_id on firstlogin.identities (user_id);
create index identities_email_canonical on firstlogin.identities (email_canonical);
