-- Organizations, and who belongs to them.

-- An account stands for a person with or without an address.
alter table firstlogin.identities add column account boolean not null default false;

-- Who somebody turned out to be: an account that named no address at first may join a person who was here before.
alter table firstlogin.users add column replaced_by uuid references firstlogin.users on delete set null;

-- One row per organization of an upstream. A row is never removed: its slug names where its data are.
create table firstlogin.organizations (
  id uuid primary key,
  upstream text not null,
  external_id text collate "C" not null,
  -- the slug, until somebody tells a name
  name text not null,
  slug text collate "C" not null unique,
  bucket text generated always as ('org-' || slug) stored,
  -- the host's own; no upstream writes it
  settings jsonb not null default '{}',
  status text not null check (status in ('active', 'deleted')),
  -- as in identities
  claims jsonb not null default '{}',
  lifecycle jsonb not null default '{}',
  seen_at bigint not null default 0,
  checked_at timestamptz not null default '-infinity',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (upstream, external_id)
);

-- One row per organization and account of an upstream. A row is never removed: a deletion leaves its stamp.
create table firstlogin.memberships (
  upstream text not null,
  organization_external_id text collate "C" not null,
  user_external_id text collate "C" not null,
  organization_id uuid references firstlogin.organizations,
  user_id uuid references firstlogin.users on delete set null,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  -- as upstream writes them
  roles text[] not null,
  -- whether any of them is known to mean something
  role_mapped boolean not null,
  -- the upstream's time of the roles
  told_at timestamptz,
  -- what the membership says for itself; it is active when the person and the organization are there, too
  present boolean not null,
  active boolean not null default false,
  claims jsonb not null default '{}',
  lifecycle jsonb not null default '{}',
  seen_at bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (upstream, organization_external_id, user_external_id),
  -- Checked at the end of a transaction: one account may take another's place in between.
  constraint memberships_one_active exclude using btree (organization_id with =, user_id with =)
    where (active) deferrable initially deferred
);

create index memberships_user_external_id on firstlogin.memberships (upstream, user_external_id);
create index memberships_user_id on firstlogin.memberships (user_id);
