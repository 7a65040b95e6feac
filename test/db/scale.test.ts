import Fastify from 'fastify'
import type { Sql } from 'postgres'
import t from 'tap'
import { uuidv7 } from 'uuidv7'
import { applyChanges } from '../../db/apply.ts'
import { findMember } from '../../db/members.ts'
import { inTransaction } from '../../db/transaction.ts'
import { toMembershipName } from '../../domain/change.ts'
import { defaultOwnership } from '../../domain/ownership.ts'
import db from '../../plugins/db.ts'
import { createDatabase } from '../support/database.ts'

const people = 50_000

/** People as they are after years, or as a first comparison brings them in minutes. */
async function fill(sql: Sql): Promise<void> {
  await sql`
    insert into firstlogin.users (id, email, email_canonical, status, role)
    select gen_random_uuid(), 'p' || n || '@example.org', 'p' || n || '@example.org', 'active', 'member'
    from generate_series(1, ${people}) as n`
  await sql`
    insert into firstlogin.identities (upstream, external_id, user_id, email_canonical, account)
    select 'clerk', 'user_' || lpad(email, 20, '0'), id, email_canonical, true from firstlogin.users
    where email like '%@example.org'`
  await sql`
    insert into firstlogin.organizations (id, upstream, external_id, name, slug, status)
    select id, 'clerk', 'org_' || id, email, id::text, 'active' from firstlogin.users`
  await sql`
    insert into firstlogin.memberships
      (upstream, organization_external_id, user_external_id, organization_id, user_id, role, roles, role_mapped, present)
    select 'clerk', 'org_' || id, 'user_' || lpad(email, 20, '0'), id, id, 'member', '{}', true, true
    from firstlogin.users where email like '%@example.org'`
}

const tables = ['users', 'identities', 'organizations', 'memberships']

/** Writes somebody new with an organization of theirs, as a first request does. */
async function write(sql: Sql, name: string): Promise<void> {
  const stamp = { at: Date.now(), event: 'read' }
  const about = { upstream: 'clerk', stamp, created: true } as const
  await inTransaction(sql, async (tx) => {
    await applyChanges(
      tx,
      [
        {
          type: 'user.upserted',
          externalId: `user_${name}`,
          fields: { email: `${name}@example.com` },
          ...about,
        },
        {
          type: 'membership.upserted',
          fields: {},
          ...toMembershipName('clerk', `org_${name}`, `user_${name}`),
          ...about,
        },
      ],
      { ownership: defaultOwnership, createId: uuidv7 },
    )
    await tx`select pg_stat_force_next_flush()`
  })
  await findMember(sql, { upstream: 'clerk', user: `user_${name}`, organization: `org_${name}` })
  await sql`select pg_stat_force_next_flush()`
}

for (const isAnalyzed of [true, false]) {
  t.test(
    `writing one of 50,000 people and organizations reads no table from end to end, ${isAnalyzed ? 'by plans made for them' : 'nor by plans that were made while the tables were empty'}`,
    async (t) => {
      const { url, sql } = await createDatabase(t)
      // As the service connects.
      const app = Fastify()
      await app.register(db, { database: url, poolSize: 1 })
      t.teardown(() => app.close())
      for (let i = 0; i < (isAnalyzed ? 0 : 8); i += 1) await write(app.sql, `early${i}`)
      await fill(sql)
      if (isAnalyzed) await sql`analyze`
      const countScans = async () => {
        const [row] = await sql<{ scans: number }[]>`
          select sum(seq_scan)::int as scans from pg_stat_user_tables where relname = any(${tables})`
        return row?.scans ?? 0
      }
      await write(app.sql, 'first')
      const before = await countScans()
      for (let i = 0; i < 10; i += 1) await write(app.sql, `newcomer${i}`)
      // Those of the test itself may be counted late.
      t.ok((await countScans()) - before < 5, 'ten writes would be ten scans')
    },
  )
}
