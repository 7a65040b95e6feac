import type { TransactionSql } from 'postgres'
import type { CanonicalEmail } from '../domain/email.ts'
import type { Person } from '../domain/person.ts'
import type { World } from '../domain/provisioning.ts'
import { type Claims, recordEmail, recordKey, type UpstreamRecord } from '../domain/record.ts'
import { type FactsRow, toFactsRow, toStoredFacts } from './facts.ts'
import { lock } from './locks.ts'

interface RecordRow extends FactsRow {
  upstream: string
  externalId: string
  userId: string | null
  isAccount: boolean
  claims: Claims
  passwordHash: string | null
}

interface RecordName {
  upstream: string
  externalId: string
}

/** The records of these names. A look-up for each: a join's plan, made while a table was small, would read all of it. */
function recordsOf(tx: TransactionSql, names: RecordName[]) {
  return tx`
    unnest(${names.map((name) => name.upstream)}::text[], ${names.map((name) => name.externalId)}::text[])
        as name (upstream, external_id)
      cross join lateral (
        select i.user_id, i.email_canonical from firstlogin.identities i
        where i.upstream = name.upstream and i.external_id = name.external_id limit 1
      ) as record`
}

/** Makes everybody else wait who names one of these keys, and answers the addresses of these records. */
export async function lockRecords(
  tx: TransactionSql,
  keys: string[],
  names: RecordName[],
): Promise<CanonicalEmail[]> {
  // Statements of one Promise.all travel together and run in their order.
  const [, , known] = await Promise.all([
    // Rows are found by keys: a plan made while a table was small would read all of it when it has grown.
    tx`set local enable_seqscan = off`,
    lock(tx, 'records', keys),
    tx<{ email: CanonicalEmail | null }[]>`select email_canonical as email from ${recordsOf(tx, names)}`,
  ])
  return known.flatMap((row) => row.email ?? [])
}

/**
 * Loads and locks the part of the world that changes to these records, which are locked, can touch, with these addresses
 * of theirs and of the changes. Locks are taken in one order everywhere (records, addresses, rows of people), so that no
 * two transactions deadlock.
 */
export async function loadWorld(
  tx: TransactionSql,
  names: RecordName[],
  emails: CanonicalEmail[],
): Promise<World> {
  const named = recordsOf(tx, names)
  const involved = [...new Set(emails)]
  // Unions, each part of which an index answers; an \`or\` over them would read the whole table.
  const theirIds = tx`
    select id from firstlogin.users where email_canonical = any(${involved}::text[])
    union select user_id from firstlogin.identities where email_canonical = any(${involved}::text[])
    union select user_id from ${named}`
  const [, people, records] = await Promise.all([
    lock(tx, 'addresses', involved),
    tx<Person[]>`
      select id, email, email_canonical as "emailCanonical", email_verified as "emailVerified", name,
        avatar_url as "avatarUrl", status, role, password_hash as "passwordHash", provenance,
        local, replaced_by as "replacedBy", overrides, organizations
      from firstlogin.users where id = any(array(${theirIds}))
      order by id
      for no key update`,
    tx<RecordRow[]>`
      select record.*
      from (
        select upstream, external_id from firstlogin.identities where email_canonical = any(${involved}::text[])
        union select upstream, external_id from ${named}
        union select upstream, external_id from firstlogin.identities where user_id = any(array(${theirIds}))
      ) as name (upstream, external_id)
      cross join lateral (
        select i.upstream, i.external_id as "externalId", i.user_id as "userId", i.account as "isAccount",
          i.claims, i.password_hash as "passwordHash", i.lifecycle, i.seen_at::float8 as "seenAt"
        from firstlogin.identities i
        where i.upstream = name.upstream and i.external_id = name.external_id limit 1
      ) as record`,
  ])

  return {
    records: new Map(records.map((row) => [recordKey(row), toRecord(row)])),
    people: new Map(people.map((person) => [person.id, { ...person }])),
  }
}

function toRecord({ passwordHash, lifecycle, claims, ...row }: RecordRow): UpstreamRecord {
  const hash = claims.passwordHash && { passwordHash: { ...claims.passwordHash, value: passwordHash } }
  return { ...row, ...toStoredFacts({ claims: { ...claims, ...hash }, lifecycle, seenAt: row.seenAt }) }
}

/** Writes people; those whose address changes give the old one up first, since the index is checked row by row. */
export async function savePeople(tx: TransactionSql, people: Person[], moved: string[]): Promise<void> {
  if (people.length === 0) return
  const giveUp =
    moved.length > 0 &&
    tx`update firstlogin.users set email_canonical = null where id = any(${moved}::uuid[])`
  const write = tx`
    insert into firstlogin.users
      (id, email, email_canonical, email_verified, name, avatar_url, status, role, password_hash, provenance,
        local, replaced_by, overrides, organizations)
    select id, email, "emailCanonical", "emailVerified", name, "avatarUrl", status, role, "passwordHash", provenance,
      coalesce(local, '{}'), "replacedBy", overrides, organizations
    from jsonb_to_recordset(${tx.json(people as never)}) as person (
      id uuid, email text, "emailCanonical" text, "emailVerified" boolean, name text, "avatarUrl" text,
      status text, role text, "passwordHash" text, provenance jsonb, local jsonb, "replacedBy" uuid, overrides jsonb,
      organizations jsonb)
    on conflict (id) do update set
      email = excluded.email, email_canonical = excluded.email_canonical, email_verified = excluded.email_verified,
      name = excluded.name, avatar_url = excluded.avatar_url, status = excluded.status, role = excluded.role,
      password_hash = excluded.password_hash, provenance = excluded.provenance, local = excluded.local,
      replaced_by = excluded.replaced_by, overrides = excluded.overrides,
      organizations = excluded.organizations, updated_at = now()`
  await Promise.all([giveUp, write])
}

/**
 * Writes records after the people whom they point to, in one order everywhere, so that nobody deadlocks;
 * `checked_at` moves, for this was a sight of them.
 */
export async function saveRecords(tx: TransactionSql, records: UpstreamRecord[]): Promise<void> {
  if (records.length === 0) return
  const rows = records.map((record) => {
    const { passwordHash, ...claims } = record.claims
    const { value: hash = null, ...stamp } = passwordHash ?? {}
    const stamped = passwordHash && { passwordHash: stamp }
    return {
      upstream: record.upstream,
      externalId: record.externalId,
      userId: record.userId,
      isAccount: record.isAccount,
      email: recordEmail(record) ?? null,
      ...toFactsRow({ ...record, claims: { ...claims, ...stamped } }),
      passwordHash: hash,
    }
  })
  await tx`
    insert into firstlogin.identities
      (upstream, external_id, user_id, account, email_canonical, claims, password_hash, lifecycle, seen_at)
    select upstream, "externalId", "userId", "isAccount", email, claims, "passwordHash", lifecycle, "seenAt"
    from jsonb_to_recordset(${tx.json(rows)}) as record (
      upstream text, "externalId" text, "userId" uuid, "isAccount" boolean, email text, claims jsonb, "passwordHash" text, lifecycle jsonb,
      "seenAt" bigint)
    order by upstream, "externalId" collate "C"
    on conflict (upstream, external_id) do update set
      user_id = excluded.user_id, account = excluded.account, email_canonical = excluded.email_canonical,
      claims = excluded.claims, password_hash = excluded.password_hash, lifecycle = excluded.lifecycle, seen_at = excluded.seen_at,
      checked_at = now()`
}

/** Writes of records that were only seen again when that was; in the same order as `saveRecords`. */
export async function saveSights(tx: TransactionSql, records: UpstreamRecord[]): Promise<void> {
  if (records.length === 0) return
  const sights = records.map(({ upstream, externalId, seenAt }) => ({
    upstream,
    external_id: externalId,
    seenAt,
  }))
  await tx`
    update firstlogin.identities i set seen_at = sight."seenAt", checked_at = now()
    from (
      select upstream, external_id, "seenAt"
      from jsonb_to_recordset(${tx.json(sights)}) as s (upstream text, external_id text, "seenAt" bigint)
        join firstlogin.identities using (upstream, external_id)
      order by 1, 2 for update of identities
    ) as sight (upstream, external_id, "seenAt")
    where i.upstream = sight.upstream and i.external_id = sight.external_id`
}
