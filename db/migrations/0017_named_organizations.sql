-- Organizations that records of people name: rows of organizations with the upstream 'local', and a membership for each of
-- their people, whose role is the person's own.

-- The keys of the organizations that a person's records name. Empty: the default organization, if there is one. Null: no
-- record says anything of organizations.
alter table firstlogin.users add column organizations jsonb;

-- Where people belong whose records name no organization: DEFAULT_ORGANIZATION.
alter table firstlogin.organizations add column is_default boolean not null default false;
create unique index organizations_is_default on firstlogin.organizations (is_default) where is_default;

comment on column firstlogin.organizations.settings is
  'The host''s own keys. What an upstream keeps of the organization is under the upstream''s name, such as "clerk".';
