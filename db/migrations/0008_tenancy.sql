-- A role that sees one organization, for a host's own queries: docs/tenancy.md.

-- The organization of this transaction, or null: a setting that was local once is left behind as an empty text.
create function firstlogin.current_organization_id() returns uuid
  language sql stable parallel safe
  return nullif(current_setting('firstlogin.organization_id', true), '')::uuid;

-- app.tenancy calls this, and says what is missing. Nobody else does: row-level security hides the tables from every
-- role but their owner, so it stays off where nobody asked for it.
-- Roles belong to the whole cluster. Other databases may make this one at the same moment, and whoever may not manage
-- roles leaves it to somebody who may.
create procedure firstlogin.open_to_tenants() language plpgsql as $$
declare
  -- Since version 16 a member of a role need not have the right to become it.
  becoming constant text := case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end;
begin
  begin
    if not exists (select from pg_roles where rolname = 'firstlogin_tenant') then
      create role firstlogin_tenant nologin;
    end if;
  exception when insufficient_privilege or duplicate_object or unique_violation then null;
  end;
  -- Not to_regrole(), which may remember that there was none.
  if not exists (select from pg_roles where rolname = 'firstlogin_tenant') then
    return;
  end if;
  begin
    -- It is the user who logged in whom `set role` asks for the right.
    if not pg_has_role(session_user, 'firstlogin_tenant', becoming) then
      grant firstlogin_tenant to session_user;
    end if;
  -- internal_error is "tuple concurrently updated".
  exception when insufficient_privilege or unique_violation or internal_error then null;
  end;

  grant usage on schema firstlogin to firstlogin_tenant;
  grant select (id, upstream, external_id, name, slug, bucket, settings, status, created_at, updated_at),
    update (settings) on firstlogin.organizations to firstlogin_tenant;
  grant select (organization_id, user_id, role, roles, active, created_at, updated_at)
    on firstlogin.memberships to firstlogin_tenant;
  -- Nothing that tells of what somebody does in other organizations: no time of a login or of a change.
  grant select (id, email, email_verified, name, avatar_url, status) on firstlogin.users to firstlogin_tenant;

  -- Not forced: the tables' owner, which the service is, goes on as if there were no policies.
  alter table firstlogin.organizations enable row level security;
  alter table firstlogin.memberships enable row level security;
  alter table firstlogin.users enable row level security;
  drop policy if exists tenant on firstlogin.organizations;
  drop policy if exists tenant on firstlogin.memberships;
  drop policy if exists tenant on firstlogin.users;
  create policy tenant on firstlogin.organizations to firstlogin_tenant
    using (id = firstlogin.current_organization_id() and status = 'active');
  create policy tenant on firstlogin.memberships for select to firstlogin_tenant
    using (organization_id = firstlogin.current_organization_id() and active);
  -- An array is made once and finds people by their key; `in` or `exists` would look at everybody there is.
  create policy tenant on firstlogin.users for select to firstlogin_tenant
    using (id = any (array(
      select user_id from firstlogin.memberships
      where organization_id = firstlogin.current_organization_id() and active)));
end $$;
