import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import postgres, { type Sql, type TransactionSql } from 'postgres'
import t, { type Test } from 'tap'
import { migrate } from '../../db/migrate.ts'
import { openToTenants } from '../../db/tenants.ts'
import { type Change, toMembershipName } from '../../domain/change.ts'
import db from '../../plugins/db.ts'
import metrics from '../../plugins/metrics.ts'
import provisioner from '../../plugins/provisioner.ts'
import tenancy from '../../plugins/tenancy.ts'
import { startPostgres } from '../../sandbox/postgres.ts'
import { createDatabase } from '../support/database.ts'
import { findFastPlace } from '../support/place.ts'

const upstream = 'clerk'
let now = Date.UTC(2026, 0, 1)
const news = () => ({ upstream, stamp: { at: ++now, event: `evt_${now}` }, created: false })

const joins = (organization: string, user: string): Change => ({
  ...news(),
  ...toMembershipName(upstream, organization, user),
  type: 'membership.upserted',
  created: true,
  fields: { grant: { roles: ['member'], role: 'member', isMapped: true } },
})
const leaves = (organization: string, user: string): Change => ({
  ...news(),
  ...toMembershipName(upstream, organization, user),
  type: 'membership.deleted',
})
const person = (name: string): Change => ({
  ...news(),
  type: 'user.upserted',
  externalId: name,
  isAccount: true,
  fields: { email: `${name}@example.org`, emailVerified: true, name, status: 'active' },
})
const organization = (name: string): Change => ({
  ...news(),
  type: 'organization.upserted',
  externalId: name,
  fields: { name },
})
const organizationDeleted = (externalId: string): Change => ({
  ...news(),
  type: 'organization.deleted',
  externalId,
})

/** Ann is in the north, Cid in the south, Bob in both and Dot in none. */
const everybody = () => [
  ...['ann', 'bob', 'cid', 'dot'].map(person),
  ...['north', 'south'].map(organization),
  joins('north', 'ann'),
  joins('north', 'bob'),
  joins('south', 'bob'),
  joins('south', 'cid'),
]

interface Place {
  app: FastifyInstance
  sql: Sql
  north: string
  south: string
  idOf: Record<string, string>
}

async function setUp(t: Test, { max = 4 } = {}): Promise<Place> {
  const { url, sql } = await createDatabase(t)
  const pool = postgres(url, { max, onnotice: () => {} })
  const app = Fastify()
  t.teardown(async () => {
    await app.close()
    await pool.end({ timeout: 1 })
  })
  await app.register(db, { database: pool })
  await app.register(metrics)
  await app.register(provisioner)
  await app.register(tenancy)
  await app.provisioner.apply(everybody())
  await sql`update firstlogin.users set password_hash = 'a hash'`
  const rows = await sql<{ name: string; id: string }[]>`
    select name, id from firstlogin.users union all select name, id from firstlogin.organizations`
  const idOf = Object.fromEntries(rows.map(({ name, id }) => [name, id]))
  const { north = '', south = '' } = idOf
  return { app, sql, north, south, idOf }
}

const peopleIn = async (tx: Sql | TransactionSql) => {
  const rows = await tx<{ name: string }[]>`select name from firstlogin.users order by name`
  return rows.map(({ name }) => name)
}
const organizationsIn = async (tx: Sql | TransactionSql) => {
  const rows = await tx<{ name: string }[]>`select name from firstlogin.organizations order by name`
  return rows.map(({ name }) => name)
}
const denied = { code: '42501' }

t.test('a transaction sees one organization, its memberships, its people, and nobody else', async (t) => {
  const { app, north, south, idOf } = await setUp(t)
  const look = (id: string) =>
    app.tenancy.run(id, async (tx) => {
      const [counts] = await tx`
        select (select count(*)::int from firstlogin.organizations) as organizations,
          (select count(*)::int from firstlogin.memberships) as memberships,
          (select count(*)::int from firstlogin.users) as users,
          (select count(*)::int from firstlogin.users where id = ${idOf['dot'] ?? ''} or email like 'dot%') as dots`
      const joined = await tx<{ of: string; who: string }[]>`
        select o.name as of, u.name as who from firstlogin.users u
          full join firstlogin.memberships m on m.user_id = u.id
          full join firstlogin.organizations o on o.id = m.organization_id
        order by who`
      const orElse = await tx`
        select name from firstlogin.organizations where id = ${north} or id = ${south} or true`
      return { ...counts, names: joined.map(({ of, who }) => `${of} ${who}`), all: orElse.length }
    })
  const counts = { organizations: 1, memberships: 2, users: 2, dots: 0, all: 1 }
  t.strictSame(await look(north), { ...counts, names: ['north ann', 'north bob'] })
  t.strictSame(await look(south), { ...counts, names: ['south bob', 'south cid'] })
  t.same(await app.tenancy.run(north.toUpperCase(), peopleIn), ['ann', 'bob'], 'however the id is written')
})

t.test('nothing of another organization can be changed, and of one’s own its settings', async (t) => {
  const { app, sql, north, south, idOf } = await setUp(t)
  const readAll = async () => {
    const rows = await sql<{ row: { id: string } }[]>`
      select to_jsonb(o) as row from firstlogin.organizations o order by id`
    return rows.map(({ row }) => row)
  }
  const before = await readAll()

  const changed = await app.tenancy.run(north, async (tx) => [
    await tx`update firstlogin.organizations set settings = ${tx.json({ colour: 'red' })} where id = ${south}`,
    await tx`update firstlogin.organizations set settings = ${tx.json({ colour: 'blue' })}`,
  ])
  t.same(
    changed.map(({ count }) => count),
    [0, 1],
  )
  const settings = new Map([
    [north, { colour: 'blue' }],
    [south, {}],
  ])
  const after = before.map((row) => ({ ...row, settings: settings.get(row.id) }))
  t.same(await readAll(), after)

  const attempts: Record<string, (tx: TransactionSql) => Promise<unknown>> = {
    'rename it': (tx) => tx`update firstlogin.organizations set name = 'mine'`,
    'become another': (tx) => tx`update firstlogin.organizations set id = ${south}`,
    'revive it': (tx) => tx`update firstlogin.organizations set status = 'active'`,
    'make one': (tx) => tx`
      insert into firstlogin.organizations (id, upstream, external_id, name, slug, status)
      values (gen_random_uuid(), 'x', 'x', 'x', 'x', 'active')`,
    'delete it': (tx) => tx`delete from firstlogin.organizations where id = ${south}`,
    'let somebody in': (tx) => tx`
      insert into firstlogin.memberships (upstream, organization_external_id, user_external_id, organization_id, user_id,
        role, roles, role_mapped, present, active)
      values ('clerk', 'north', 'dot', ${north}, ${idOf['dot'] ?? ''}, 'owner', '{}', true, true, true)`,
    'promote somebody': (tx) => tx`update firstlogin.memberships set role = 'owner'`,
    'move somebody': (tx) => tx`update firstlogin.memberships set organization_id = ${north}`,
    'throw somebody out': (tx) => tx`delete from firstlogin.memberships`,
    'rename somebody': (tx) => tx`update firstlogin.users set name = 'me'`,
    'remove somebody': (tx) => tx`delete from firstlogin.users`,
    'lock somebody': (tx) => tx`select id from firstlogin.users for update`,
    'empty the tables': (tx) => tx`truncate firstlogin.users cascade`,
    'lift the policies': (tx) => tx`alter table firstlogin.users disable row level security`,
    'make a policy': (tx) => tx`create policy mine on firstlogin.users using (true)`,
    'make a table': (tx) => tx`create table firstlogin.mine (id int)`,
    'open it anew': (tx) => tx`call firstlogin.open_to_tenants()`,
  }
  for (const [name, attempt] of Object.entries(attempts))
    await t.rejects(app.tenancy.run(north, attempt), denied, name)
  t.same(await readAll(), after)
})

t.test(
  'passwords, provenance, identities, sessions, keys, events and feeds cannot be read at all',
  async (t) => {
    const { app, sql, north } = await setUp(t)
    const hidden = {
      users: ['password_hash', 'provenance', 'email_canonical', 'last_login_at', 'updated_at', 'role', '*'],
      memberships: ['claims', 'lifecycle', 'user_external_id', '*'],
      organizations: ['claims', 'lifecycle', '*'],
    }
    for (const [table, columns] of Object.entries(hidden)) {
      for (const column of columns) {
        const read = app.tenancy.run(north, (tx) => tx.unsafe(`select ${column} from firstlogin.${table}`))
        await t.rejects(read, denied, `${table}.${column}`)
      }
      await t.rejects(
        app.tenancy.run(north, (tx) => tx.unsafe(`select one from firstlogin.${table} one`)),
        denied,
        `a whole row of ${table}`,
      )
    }
    const filter = app.tenancy.run(
      north,
      (tx) => tx`select 1 from firstlogin.users where password_hash like 'a%'`,
    )
    await t.rejects(filter, denied, 'not even to compare')

    const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'firstlogin' and tablename <> all(${Object.keys(hidden)})`
    const names = tables.map(({ name }) => name)
    for (const name of ['identities', 'sessions', 'signing_keys', 'inbound_events', 'feeds', 'migrations'])
      t.ok(names.includes(name), name)
    for (const name of names) {
      const count = app.tenancy.run(north, (tx) => tx`select count(*) from firstlogin.${tx(name)}`)
      await t.rejects(count, denied, name)
    }
  },
)

t.test('the role sees nothing at all where no organization was chosen', async (t) => {
  const { sql } = await setUp(t)
  const look = (setting: string | undefined) =>
    sql.begin(async (tx) => {
      await tx`set local role firstlogin_tenant`
      if (setting !== undefined) await tx`select set_config('firstlogin.organization_id', ${setting}, true)`
      const memberships = await tx`select user_id from firstlogin.memberships`
      return [...(await organizationsIn(tx)), ...(await peopleIn(tx)), ...memberships]
    })
  t.same(await look(undefined), [])
  t.same(await look(''), [])
  await t.rejects(look('north'), { code: '22P02' })
})

t.test('an organization that is not there or deleted shows nothing, nor do the host’s tables', async (t) => {
  const { app, sql, north, south } = await setUp(t)
  await createNotes(sql)
  const look = (id: string) =>
    app.tenancy.run(id, async (tx) => {
      const notes = await tx<{ text: string }[]>`select text from notes`
      return [...(await organizationsIn(tx)), ...(await peopleIn(tx)), ...notes.map(({ text }) => text)]
    })
  await app.tenancy.run(south, (tx) => tx`insert into notes (text) values ('of the south')`)
  t.same(await look(south), ['south', 'bob', 'cid', 'of the south'])
  await app.provisioner.apply([organizationDeleted('south')])
  t.same(await look(south), [])
  const byHand = await sql.begin(async (tx) => {
    await tx`set local role firstlogin_tenant`
    await tx`select set_config('firstlogin.organization_id', ${south}, true)`
    return [...(await organizationsIn(tx)), ...(await peopleIn(tx))]
  })
  t.same(byHand, [], 'whoever chose it')
  t.same(await look('00000000-0000-7000-8000-000000000000'), [])
  t.same(await look(north), ['north', 'ann', 'bob'])
  const late = app.tenancy.run(south, (tx) => tx`insert into notes (text) values ('late')`)
  await t.rejects(late, { code: '42501' })
})

t.test('whoever is no active member any more vanishes from sight, and comes back', async (t) => {
  const { app, north, south, idOf } = await setUp(t)
  await app.provisioner.apply([leaves('north', 'bob')])
  t.same(await app.tenancy.run(north, peopleIn), ['ann'])
  const rows = await app.tenancy.run(north, (tx) => tx`select user_id, active from firstlogin.memberships`)
  t.same(rows, [{ user_id: idOf['ann'], active: true }])
  t.same(await app.tenancy.run(south, peopleIn), ['bob', 'cid'], 'but not from the other')
  await app.provisioner.apply([joins('north', 'bob'), joins('north', 'dot')])
  t.same(await app.tenancy.run(north, peopleIn), ['ann', 'bob', 'dot'])
  await app.provisioner.apply([{ ...news(), type: 'user.deleted', externalId: 'bob' }])
  t.same(await app.tenancy.run(north, peopleIn), ['ann', 'dot'])
})

t.test('what is no UUID is refused before the database is asked', async (t) => {
  const { app, north } = await setUp(t)
  let asked = 0
  const ids = [
    '',
    'north',
    `${north} `,
    `{${north}}`,
    `${north}'; reset role; --`,
    undefined,
    null,
    [north],
    7,
  ]
  for (const id of ids) {
    const run = app.tenancy.run(id as string, async () => (asked += 1))
    await t.rejects(run, { code: 'FL_REQUEST_INVALID', status: 400 }, JSON.stringify(id))
  }
  t.equal(asked, 0)
})

t.test('a value that looks like SQL stays a value', async (t) => {
  const { app, north, south } = await setUp(t)
  for (const value of [
    "'; reset role; --",
    "' or true --",
    `'; select set_config('firstlogin.organization_id', '${south}', true); --`,
  ]) {
    const seen = await app.tenancy.run(north, async (tx) => {
      await tx`update firstlogin.organizations set settings = ${tx.json({ value })}`
      const found = await tx`select name from firstlogin.users where name = ${value}`
      return [found.length, ...(await peopleIn(tx))]
    })
    t.same(seen, [0, 'ann', 'bob'])
  }
})

t.test(
  'the owner, a superuser, is bound inside a transaction and free outside, on one connection',
  async (t) => {
    const { app, sql, north, south } = await setUp(t, { max: 1 })
    const [owner] = await sql`select rolsuper from pg_roles where rolname = current_user`
    t.ok(owner?.['rolsuper'])
    const state = async (tx: Sql | TransactionSql) => {
      const [row] = await tx`
      select current_user = session_user as free, pg_backend_pid() as pid,
        nullif(current_setting('firstlogin.organization_id', true), '') as organization`
      return row as { free: boolean; pid: number; organization: string | null }
    }
    const { pid } = await state(app.sql)
    // One text, so one prepared statement, more often than it takes to get a plan for all values.
    for (let round = 0; round < 12; round++) {
      t.same(await app.tenancy.run(north, peopleIn), ['ann', 'bob'])
      t.same(await peopleIn(app.sql), ['ann', 'bob', 'cid', 'dot'])
      t.same(await app.tenancy.run(south, peopleIn), ['bob', 'cid'])
    }
    t.same(await app.tenancy.run(north, state), { free: false, pid, organization: north })
    t.same(await state(app.sql), { free: true, pid, organization: null })

    const failures: Record<string, (tx: TransactionSql) => Promise<unknown>> = {
      'of the work': () => Promise.reject(new Error('of the work')),
      'before it waits': () => {
        throw new Error('before it waits')
      },
      'of a statement': (tx) => tx`select 1 / 0`,
      'of a statement that was swallowed': (tx) => tx`select 1 / 0`.catch(() => {}),
      'of a right': (tx) => tx`select password_hash from firstlogin.users`,
    }
    for (const [name, work] of Object.entries(failures)) {
      await t.rejects(app.tenancy.run(north, work), name)
      t.same(await state(app.sql), { free: true, pid, organization: null }, name)
      t.same(await peopleIn(app.sql), ['ann', 'bob', 'cid', 'dot'])
    }
  },
)

t.test('a part that fails and is undone leaves the rest as bound as it was', async (t) => {
  const { app, north } = await setUp(t)
  const seen = await app.tenancy.run(north, async (tx) => {
    await tx.savepoint((part) => part`select 1 / 0`).catch(() => {})
    await tx.savepoint('named', (part) => part`select password_hash from firstlogin.users`).catch(() => {})
    return [await peopleIn(tx), await tx.savepoint((part) => peopleIn(part))]
  })
  t.same(seen, [
    ['ann', 'bob'],
    ['ann', 'bob'],
  ])
})

t.test('all of the work is kept or nothing', async (t) => {
  const { app, sql, north } = await setUp(t)
  const failed = app.tenancy.run(north, async (tx) => {
    await tx`update firstlogin.organizations set settings = '{"kept": true}'`
    throw new Error('of the work')
  })
  await t.rejects(failed, { message: 'of the work' })
  t.same(await sql`select settings from firstlogin.organizations where id = ${north}`, [{ settings: {} }])
})

t.test('50 transactions of two organizations at once on 4 connections each see their own', async (t) => {
  const { app, sql, north, south } = await setUp(t)
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const id = index % 2 ? north : south
      const expected = index % 2 ? ['ann', 'bob'] : ['bob', 'cid']
      const work = async (tx: TransactionSql) => {
        const first = await peopleIn(tx)
        await tx`select pg_sleep(${(index % 5) / 200})`
        for (let turn = 0; turn < index % 7; turn += 1) await nextTurn()
        if (index % 10 === 3) throw new Error('of the work')
        if (index % 10 === 6) await tx`select * from firstlogin.sessions`
        return [first, await peopleIn(tx)]
      }
      const [seen, all] = await Promise.all([
        app.tenancy.run(id, work).catch(() => undefined),
        peopleIn(app.sql),
      ])
      t.equal(all.length, 4, 'the service sees everybody meanwhile')
      if (seen) t.same(seen, [expected, expected])
      return seen
    }),
  )
  t.equal(answers.filter((answer) => answer === undefined).length, 10)
  t.same(await sql`select count(*)::int from firstlogin.users`, [{ count: 4 }])
})

t.test('what nobody waited for cannot run on a connection that is somebody else’s by then', async (t) => {
  const { app, north } = await setUp(t, { max: 1 })
  const late: Promise<unknown>[] = []
  const kept: TransactionSql[] = []
  let end = () => {}
  const hasEnded = new Promise<void>((resolve) => {
    end = resolve
  })
  await app.tenancy.run(north, async (tx) => {
    kept.push(tx)
    await tx.savepoint(async (inside) => void kept.push(inside))
    const forgotten = async () => {
      await tx`select 1`
      await hasEnded
      return peopleIn(tx)
    }
    late.push(forgotten().catch((error: unknown) => error))
  })
  end()
  const isOver = { message: 'The transaction is over: await everything inside of its work.' }
  t.match(await late[0], isOver)
  t.equal(kept.length, 2)
  for (const tx of kept) {
    t.throws(() => tx`select 1`, isOver)
    t.throws(() => tx.unsafe('select 1'), isOver)
  }
})

/** As docs/tenancy.md says. */
async function createNotes(sql: Sql) {
  await sql`
    create table notes (
      id bigint generated always as identity primary key,
      organization_id uuid not null default firstlogin.current_organization_id() references firstlogin.organizations,
      text text not null
    )`
  await sql`alter table notes enable row level security`
  await sql`
    create policy tenant on notes to firstlogin_tenant
      using (organization_id = firstlogin.current_organization_id())`
  await sql`grant select, insert, update, delete on notes to firstlogin_tenant`
  await sql`create index on notes (organization_id)`
}

t.test('a host’s own table joins in with a policy and a grant', async (t) => {
  const { app, sql, north, south } = await setUp(t)
  await createNotes(sql)
  const write = (id: string, text: string) =>
    app.tenancy.run(id, (tx) => tx`insert into notes (text) values (${text})`)
  const read = (id: string) =>
    app.tenancy.run(id, async (tx) => {
      const rows = await tx<{ text: string }[]>`select text from notes order by id`
      return rows.map(({ text }) => text)
    })
  await write(north, 'cold')
  await write(south, 'warm')
  t.same([await read(north), await read(south)], [['cold'], ['warm']])

  const insertThere = app.tenancy.run(
    north,
    (tx) => tx`insert into notes (text, organization_id) values ('spy', ${south})`,
  )
  await t.rejects(insertThere, denied)
  const moveThere = app.tenancy.run(north, (tx) => tx`update notes set organization_id = ${south}`)
  await t.rejects(moveThere, denied)
  const counts = await app.tenancy.run(north, async (tx) => {
    const updated = await tx`update notes set text = 'seen' where organization_id = ${south}`
    const deleted = await tx`delete from notes where text = 'warm'`
    return [updated.count, deleted.count]
  })
  t.same(counts, [0, 0])
  await app.tenancy.run(north, (tx) => tx`delete from notes`)
  t.same([await read(north), await read(south)], [[], ['warm']])
  t.equal((await app.sql`select from notes`).length, 1, 'the owner sees all of it')
})

t.test('tables that the role can reach without a policy are named in the log at the start', async (t) => {
  const { sql, url } = await createDatabase(t)
  await openToTenants(sql)
  const lines: { event?: string; tables?: string[] }[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const start = async () => {
    const app = Fastify({ logger: { stream } })
    await app.register(db, { database: url })
    await app.register(tenancy)
    await app.ready()
    await app.close()
    return lines.splice(0).find(({ event }) => event === 'tenancy.shared')?.tables
  }
  await createNotes(sql)
  await sql`create view safe with (security_invoker = true) as select text from notes`
  await sql`grant select on safe to firstlogin_tenant`
  await sql`create table unrelated (id int)`
  t.equal(await start(), undefined)
  await sql`create view leak as select text from notes`
  await sql`create table forgotten (id int, text text)`
  await sql`create table emptied (id int)`
  await sql`alter table emptied enable row level security`
  await sql`grant select on leak to firstlogin_tenant`
  await sql`grant insert (text) on forgotten to firstlogin_tenant`
  await sql`grant all on emptied to firstlogin_tenant`
  t.same(await start(), ['emptied', 'forgotten', 'leak'])
})

t.test('among 20,000 people in 200 organizations those of one are found by index', async (t) => {
  const { app, sql } = await setUp(t)
  await sql`
    insert into firstlogin.organizations (id, upstream, external_id, name, slug, status)
    select gen_random_uuid(), 'many', n, n, 'many-' || n, 'active' from generate_series(1, 200) n`
  await sql`
    insert into firstlogin.users (id, email, status, role)
    select gen_random_uuid(), n || '@example.org', 'active', 'member' from generate_series(1, 20000) n`
  await sql`
    insert into firstlogin.memberships (upstream, organization_external_id, user_external_id, organization_id, user_id,
      role, roles, role_mapped, present, active)
    select 'many', o.external_id, u.id, o.id, u.id, 'member', '{}', true, true, true
    from (select id, row_number() over () as n from firstlogin.users where email ~ '^[0-9]') u
      join firstlogin.organizations o on o.external_id = (u.n % 200 + 1)::text and o.upstream = 'many'`
  await createNotes(sql)
  await sql`
    insert into notes (organization_id, text)
    select o.id, n from firstlogin.organizations o, generate_series(1, 100) n where o.upstream = 'many'`
  await sql`analyze`
  const [one] = await sql`select id from firstlogin.organizations where upstream = 'many' limit 1`
  const [member] = await sql`
    select user_id as id from firstlogin.memberships where organization_id = ${one?.['id']} limit 1`

  const queries = [
    'select id from firstlogin.organizations',
    'select user_id from firstlogin.memberships',
    'select name from firstlogin.users',
    `select name from firstlogin.users where id = '${member?.['id']}'`,
    'select u.email, m.role from firstlogin.memberships m join firstlogin.users u on u.id = m.user_id',
    'select text from notes',
  ]
  for (const query of queries) {
    const plan = await app.tenancy.run(one?.['id'], async (tx) => {
      const lines = await tx.unsafe<{ 'QUERY PLAN': string }[]>(`explain (analyze, timing off) ${query}`)
      return lines.map((line) => line['QUERY PLAN']).join('\n')
    })
    t.notMatch(plan, /Seq Scan/, `${query}\n${plan}`)
  }
  t.equal((await app.tenancy.run(one?.['id'], peopleIn)).length, 100)

  const before = await sql.unsafe(`explain ${queries[2]}`)
  t.notMatch(JSON.stringify(before), /Filter|InitPlan/, 'the owner has no policy in the plan')
})

t.test('where the role is missing or not ours', async (t) => {
  const root = await startCluster(t)
  await root`create role maker login password 'x' createrole`
  await root`create role plain login password 'x'`
  await root`create role another login password 'x'`
  const makeDatabase = async (name: string, owner: string) => {
    await root`create database ${root(name)} owner ${root(owner)} template template0 strategy file_copy`
    const { host, port } = root.options
    const account = owner === 'postgres' ? `postgres:${root.options.pass}` : `${owner}:x`
    return `postgres://${account}@${host[0]}:${port[0]}/${name}`
  }
  const start = async (url: string) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(db, { database: url, poolSize: 2 })
    await app.register(metrics)
    await app.register(provisioner)
    await app.register(tenancy)
    return app
  }
  const prove = async (t: Test, app: FastifyInstance) => {
    await app.provisioner.apply(everybody())
    const [north] = await app.sql`select id from firstlogin.organizations where name = 'north'`
    t.same(await app.tenancy.run(north?.['id'], peopleIn), ['ann', 'bob'])
    t.same(await peopleIn(app.sql), ['ann', 'bob', 'cid', 'dot'], 'the owner has no policy over it')
  }

  await t.test('a user who may not make roles can migrate, and is told what to have run', async (t) => {
    const url = await makeDatabase('managed', 'plain')
    const sentence = (statements: string) => ({
      message:
        'app.tenancy: the database user plain cannot become the role firstlogin_tenant. ' +
        `Somebody who may manage roles has to run this once, then start again: ${statements}`,
    })
    const create = 'create role firstlogin_tenant nologin;'
    const grant = 'grant firstlogin_tenant to plain;'
    await t.rejects(start(url), sentence(`${create} ${grant}`))
    await root.unsafe(create)
    await t.rejects(start(url), sentence(grant))
    await root.unsafe(grant)
    await Promise.all([start(url), start(url), start(url)])
    await prove(t, await start(url))
  })

  await t.test('a role that sees more than one organization is refused', async (t) => {
    const url = await makeDatabase('bypassed', 'postgres')
    const sees = /^app\.tenancy: the role firstlogin_tenant would see more than one organization\./
    const [give, take] = [
      ['alter role firstlogin_tenant bypassrls', 'grant pg_read_all_data to firstlogin_tenant'],
      ['alter role firstlogin_tenant nobypassrls', 'revoke pg_read_all_data from firstlogin_tenant'],
    ]
    for (const [index, statement] of give.entries()) {
      await root.unsafe(statement)
      await t.rejects(start(url), { message: sees }, statement)
      await root.unsafe(take[index] ?? '')
    }
    await prove(t, await start(url))
  })

  const serveAsAnother = async (name: string) => {
    const url = await makeDatabase(name, 'plain')
    const owner = postgres(url, { max: 1, onnotice: () => {} })
    t.teardown(() => owner.end())
    await migrate(owner)
    await owner`
      insert into firstlogin.users (id, email, name, status, role)
      values (gen_random_uuid(), 'ann@example.org', 'ann', 'active', 'member')`
    await owner`grant usage on schema firstlogin to another`
    await owner`grant select, insert, update, delete on all tables in schema firstlogin to another`
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(db, { database: url.replace('plain', 'another'), poolSize: 2, migrate: false })
    return { app, owner }
  }

  await t.test('without app.tenancy another role with grants reads people as before', async (t) => {
    const { app } = await serveAsAnother('granted')
    t.same(await peopleIn(app.sql), ['ann'])
  })

  await t.test('with app.tenancy a service that would see nobody is refused', async (t) => {
    const { app, owner } = await serveAsAnother('refused')
    const keptOut = {
      message:
        'app.tenancy: row-level security would hide all people from the database user another, and nobody could log in. ' +
        'Serve as the owner of the tables in the schema firstlogin, or as a role with BYPASSRLS.',
    }
    await t.rejects(openToTenants(app.sql), keptOut)
    t.same(await peopleIn(app.sql), ['ann'], 'and nothing was switched on')
    await root`alter role another bypassrls`
    await root`grant firstlogin_tenant to another`
    await t.rejects(openToTenants(app.sql), { message: /once, .*: call firstlogin\.open_to_tenants\(\);$/ })
    await owner`call firstlogin.open_to_tenants()`
    await openToTenants(app.sql)
    t.same(await peopleIn(app.sql), ['ann'], 'with BYPASSRLS')
    await root`alter role another nobypassrls`
    t.same(await app.sql.unsafe('select name from firstlogin.users'), [], 'a plan that is made now')
    await t.rejects(async () => app.register(tenancy), keptOut)
  })

  await t.test('row-level security that somebody lifted is back at the next start', async (t) => {
    const url = await makeDatabase('lifted', 'plain')
    const { sql } = await start(url)
    for (const table of ['organizations', 'memberships', 'users']) {
      await sql`alter table firstlogin.${sql(table)} disable row level security`
      await openToTenants(sql)
    }
    await prove(t, await start(url))
  })

  for (const owner of ['maker', 'postgres']) {
    await t.test(`10 databases of ${owner} that open at once make the role once`, async (t) => {
      for (const {
        datname,
      } of await root`select datname from pg_database where datname !~ '^(postgres|template.)$'`)
        await root`drop database ${root(datname)} with (force)`
      await root`drop role firstlogin_tenant`
      const names = Array.from({ length: 10 }, (_, index) => `${owner}_${index}`)
      const urls: string[] = []
      for (const name of names) urls.push(await makeDatabase(name, owner))
      const pools = urls.map((url) => postgres(url, { max: 1, onnotice: () => {} }))
      t.teardown(() => Promise.all(pools.map((pool) => pool.end())))
      await Promise.all(pools.map((pool) => migrate(pool)))
      t.same(await root`select from pg_roles where rolname = 'firstlogin_tenant'`, [], 'no migration does')
      await Promise.all(pools.map((pool) => openToTenants(pool)))
      for (const url of urls) await prove(t, await start(url))
    })
  }
})

/** A cluster of its own, since roles belong to all of it. */
async function startCluster(t: Test): Promise<Sql> {
  const dataDir = await mkdtemp(join(await findFastPlace(), 'firstlogin-tenancy-'))
  await chmod(dataDir, 0o711)
  const server = await startPostgres({ dataDir, port: 0, settings: { fsync: 'off' } })
  const root = postgres(server.url, { max: 1, onnotice: () => {} })
  t.teardown(async () => {
    await root.end()
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  return root
}
