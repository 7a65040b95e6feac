create schema chat;

-- Whose it is comes first in both keys. The organization is the one of the transaction: no statement has to name it.
create table chat.chat_sessions (
  organization_id uuid not null default firstlogin.current_organization_id() references firstlogin.organizations,
  user_id uuid not null references firstlogin.users on delete cascade,
  id uuid not null default gen_random_uuid(),
  title text not null,
  created_at timestamptz not null default now(),
  used_at timestamptz not null default clock_timestamp(),
  primary key (organization_id, user_id, id)
);

create table chat.chat_messages (
  organization_id uuid not null default firstlogin.current_organization_id(),
  user_id uuid not null,
  session_id uuid not null,
  position bigint generated always as identity,
  author text not null check (author in ('user', 'bot')),
  text text not null,
  created_at timestamptz not null default now(),
  primary key (organization_id, user_id, session_id, position),
  foreign key (organization_id, user_id, session_id) references chat.chat_sessions on delete cascade
);

-- app.tenancy works as the role firstlogin_tenant, which sees the rows of one organization.
grant usage on schema chat to firstlogin_tenant;

alter table chat.chat_sessions enable row level security;
create policy tenant on chat.chat_sessions to firstlogin_tenant using (organization_id = firstlogin.current_organization_id());
grant select, insert, update, delete on chat.chat_sessions to firstlogin_tenant;

alter table chat.chat_messages enable row level security;
create policy tenant on chat.chat_messages to firstlogin_tenant using (organization_id = firstlogin.current_organization_id());
grant select, insert, update, delete on chat.chat_messages to firstlogin_tenant;
