import t from 'tap'
import { uuidv7 } from 'uuidv7'
import { applyChanges } from '../../db/apply.ts'
import { defaultOwnership } from '../../domain/ownership.ts'
import { createDatabase } from '../support/database.ts'

t.test('writing one of 50,000 people reads no table from end to end', async (t) => {
  const { sql } = await createDatabase(t)
  await sql`
    insert into firstlogin.users (id, email, email_canonical, status, role)
    select gen_random_uuid(), 'p' || n || '@example.org', 'p' || n || '@example.org', 'active', 'member'
    from generate_series(1, 50000) as n`
  await sql`
    insert into firstlogin.identities (upstream, external_id, user_id, email_canonical)
    select 'airtable', 'rec' || lpad(email, 20, '0'), id, email_canonical from firstlogin.users`
  await sql`analyze firstlogin.users, firstlogin.identities`
  const countScans = async () => {
    const [row] = await sql<{ scans: number }[]>`
      select sum(seq_scan)::int as scans from pg_stat_user_tables where relname in ('users', 'identities')`
    return row?.scans
  }
  const write = (name: string) =>
    sql.begin(async (tx) => {
      await applyChanges(
        tx,
        [
          {
            type: 'user.upserted',
            upstream: 'airtable',
            externalId: `rec${name}`,
            created: false,
            fields: { email: `${name}@example.org`, name },
            stamp: { at: Date.now(), event: 'read' },
          },
        ],
        { ownership: defaultOwnership, createId: uuidv7 },
      )
      await tx`select pg_stat_force_next_flush()`
    })
  await write('first')
  const before = await countScans()
  const started = performance.now()
  for (let i = 0; i < 10; i += 1) await write(`newcomer${i}`)
  t.comment(`${((performance.now() - started) / 10).toFixed(1)} ms each`)
  t.equal(await countScans(), before)
})
