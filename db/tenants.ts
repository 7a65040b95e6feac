import type { Sql, TransactionSql } from 'postgres'
import { inTransaction } from './transaction.ts'

/**
 * Makes sure that this database user can become the role firstlogin_tenant, that the role is kept to one organization,
 * and that this user is not. Throws with what somebody else has to do where this user has not the right to.
 */
export async function openToTenants(sql: Sql): Promise<void> {
  const before = await findTenantRole(sql)
  if (before.isOwner && !(before.isOpen && before.mayBecome)) await open(sql)
  const { hasRole, isKeptOut, isOpen, mayBecome, user } = await findTenantRole(sql)
  if (isKeptOut) {
    throw new Error(
      `app.tenancy: row-level security would hide all people from the database user ${user}, and nobody could log in. ` +
        'Serve as the owner of the tables in the schema firstlogin, or as a role with BYPASSRLS.',
    )
  }
  if (!hasRole || !mayBecome) {
    const statements = `${hasRole ? '' : 'create role firstlogin_tenant nologin; '}grant firstlogin_tenant to ${user};`
    throw new Error(
      `app.tenancy: the database user ${user} cannot become the role firstlogin_tenant. ` +
        `Somebody who may manage roles has to run this once, then start again: ${statements}`,
    )
  }
  if (!isOpen) {
    throw new Error(
      `app.tenancy: the database user ${user} does not own the tables in the schema firstlogin. ` +
        'Their owner has to run this once, then start again: call firstlogin.open_to_tenants();',
    )
  }
  if (!(await isKeptApart(sql))) {
    throw new Error(
      'app.tenancy: the role firstlogin_tenant would see more than one organization. It must not be a superuser, ' +
        'bypass row-level security, or be a member of the owner of the tables, of pg_read_all_data or the like.',
    )
  }
}

interface TenantRole {
  hasRole: boolean
  mayBecome: boolean
  /** The tables have row-level security and the policies. */
  isOpen: boolean
  /** This user may open them. */
  isOwner: boolean
  /** This user is bound by row-level security, or would be. */
  isKeptOut: boolean
  user: string
}

async function findTenantRole(sql: Sql): Promise<TenantRole> {
  const [found] = await sql<[TenantRole]>`
    select quote_ident(session_user) as user, role.oid is not null as "hasRole",
      coalesce(pg_has_role(session_user, role.oid,
        case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end), false) as "mayBecome",
      tables.*
    from (
      select coalesce(bool_and(c.relrowsecurity and p.oid is not null), false) as "isOpen",
        coalesce(bool_and(pg_has_role(c.relowner, 'usage')), true) as "isOwner",
        coalesce(bool_or(row_security_active(c.oid) or not (me.rolbypassrls or pg_has_role(c.relowner, 'usage'))), false)
          as "isKeptOut"
      from pg_class c join pg_roles me on me.rolname = current_user
        left join pg_policy p on p.polrelid = c.oid and p.polname = 'tenant'
      where c.relnamespace = (select oid from pg_namespace where nspname = 'firstlogin')
        and c.relname in ('organizations', 'memberships', 'users')
    ) as tables left join pg_roles role on role.rolname = 'firstlogin_tenant'`
  return found
}

async function open(sql: Sql): Promise<void> {
  await inTransaction(sql, async (tx) => {
    // As in migrate(): of several instances that start at once.
    await tx`select pg_advisory_xact_lock(hashtext('firstlogin.migrate'))`
    await tx`call firstlogin.open_to_tenants()`
  })
}

/** Asks as the role itself: somebody may have given it more, whichever way. */
async function isKeptApart(sql: Sql): Promise<boolean> {
  return inTransaction(sql, async (tx) => {
    await tx`set local role firstlogin_tenant`
    const [row] = await tx<[{ isKeptApart: boolean }]>`
      select bool_and(row_security_active(name))
        and not has_column_privilege('firstlogin.users', 'password_hash', 'select')
        and not has_any_column_privilege('firstlogin.identities', 'select')
        and not has_any_column_privilege('firstlogin.sessions', 'select') as "isKeptApart"
      from unnest(array['firstlogin.organizations', 'firstlogin.memberships', 'firstlogin.users']) as name`
    return row.isKeptApart
  })
}

/** Tables and views that the role can reach without a policy in between, or truncate, which no policy can prevent. */
export async function listShared(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and has_schema_privilege('firstlogin_tenant', n.oid, 'usage')
      and (has_any_column_privilege('firstlogin_tenant', c.oid, 'select, insert, update')
        or has_table_privilege('firstlogin_tenant', c.oid, 'delete, truncate'))
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      and (has_table_privilege('firstlogin_tenant', c.oid, 'truncate') or case
        when c.relkind in ('r', 'p') then not c.relrowsecurity
        -- A view looks with its owner's eyes unless it says otherwise.
        when c.relkind = 'v' then not coalesce((select option_value::boolean from pg_options_to_table(c.reloptions)
          where option_name = 'security_invoker'), false)
        else c.relkind in ('m', 'f')
      end)
    order by name`
  return rows.map(({ name }) => name)
}

/**
 * Runs the work in one transaction that sees this organization only, or nothing where it is not there. Role and
 * organization end with the transaction, and so does the handle.
 */
export async function asTenant<T>(
  sql: Sql,
  organizationId: string,
  work: (tx: TransactionSql) => Promise<T>,
): Promise<T> {
  return inTransaction(sql, async (tx) => {
    // In one round trip. A host's tables know nothing of deleted organizations: no row is visible for these.
    await Promise.all([
      tx`select set_config('firstlogin.organization_id', coalesce((
          select id::text from firstlogin.organizations where id = ${organizationId} and status = 'active'), ''), true)`,
      tx`set local role firstlogin_tenant`,
    ])
    return work(tx)
  })
}
