import t from 'tap'
import type { ReconcileOptions } from '../../../plugins/reconcile.ts'
import { seeded } from '../../../sandbox/frontegg/people.ts'
import { createVendors, forgetAll, readMembers, readPeople } from '../../support/vendors.ts'

const world = await createVendors(t)
const { sql, clerk, frontegg, supabase } = world
const host = await world.start('clerk,frontegg,supabase')
const quietly = { isQuiet: true }
const acme = 'org_2acme'
t.beforeEach(() => forgetAll(sql))

const walk = (upstream: string, options: ReconcileOptions = {}) =>
  host.app.reconcile.run(upstream, { patienceMs: 0, turnMs: 0, ...options })

const userId = (index: number) => `user_2person${String(index).padStart(3, '0')}`

/** Everybody whom Clerk has, of whom nobody was ever told, all in one organization. */
function fillClerk(count: number): void {
  for (const { id } of clerk.users.list()) clerk.users.remove(id, quietly)
  clerk.organizations.put({ id: acme, name: 'Acme Corp' }, quietly)
  for (let index = 0; index < count; index += 1) {
    const times = { created_at: 1767606300000 + index, updated_at: 1767606300000 + index }
    const user = userId(index)
    clerk.users.put({ id: user, email: `${user}@example.com`, first_name: user, ...times }, quietly)
    clerk.memberships.put({ organization: acme, user, ...times }, quietly)
  }
}

const statuses = async () => {
  const people = await readPeople(sql)
  return { active: people.filter(({ status }) => status === 'active').length, all: people.length }
}

t.test(
  '"Sync all existing Clerk users": one run brings in people, organizations and memberships, a second nothing',
  async (t) => {
    fillClerk(12)
    clerk.memberships.put({ organization: acme, user: userId(0), role: 'org:admin' }, quietly)
    clerk.organizations.put({ id: 'org_2empty', name: 'Nobody Inc.' }, quietly)
    t.match(await walk('clerk'), { seen: 12, vanished: [], endedMemberships: 0, isRefused: false })
    t.same(await statuses(), { active: 12, all: 12 })
    const members = await readMembers(sql)
    t.equal(members.length, 12, '"Verify all org members have profiles"')
    t.equal(members[0], `${userId(0)} in Acme Corp as admin`)
    t.same(await sql`select name from firstlogin.organizations order by name`, [
      { name: 'Acme Corp' },
      { name: 'Nobody Inc.' },
    ])
    const rows = () => sql`
    select u.id, u.email, u.name, u.status, o.slug, m.role, m.roles, m.created_at
    from firstlogin.memberships m join firstlogin.users u on u.id = m.user_id
      join firstlogin.organizations o on o.id = m.organization_id order by u.id`
    const before = await rows()
    t.match(await walk('clerk'), { seen: 12, changed: 0, endedMemberships: 0 })
    t.same(await rows(), before)
  },
)

t.test(
  'a member who was removed without a word is ended by the next run, once Clerk confirms it by id',
  async (t) => {
    fillClerk(12)
    await walk('clerk')
    clerk.memberships.remove({ organization: acme, user: userId(3) }, quietly)
    clerk.resetCalls()
    t.match(await walk('clerk'), { endedMemberships: 1, vanished: [], isRefused: false })
    t.same(
      (await readMembers(sql)).filter((member) => member.startsWith(userId(3))),
      [],
    )
    t.same(await statuses(), { active: 12, all: 12 })
    t.match(await walk('clerk'), { endedMemberships: 0 })
    clerk.memberships.put({ organization: acme, user: userId(3) }, quietly)
    await walk('clerk')
    t.equal((await readMembers(sql)).length, 12, 'and is back when Clerk has them again')
  },
)

t.test('people who are gone are disabled, and active again once they are listed', async (t) => {
  fillClerk(12)
  await walk('clerk')
  const [gone] = clerk.users.list()
  clerk.users.remove(userId(0), quietly)
  t.match(await walk('clerk'), { vanished: [{ externalId: userId(0) }], isRefused: false })
  t.same(await statuses(), { active: 11, all: 12 })
  t.match(await walk('clerk'), { vanished: [], changed: 0 })
  if (gone) clerk.users.put(gone, quietly)
  await walk('clerk')
  t.same(await statuses(), { active: 12, all: 12 })
})

t.test(
  'too many who are gone are not believed: none is disabled, no membership ends, without --force',
  async (t) => {
    fillClerk(12)
    await walk('clerk')
    for (const index of [0, 1, 2]) clerk.users.remove(userId(index), quietly)
    const refused = await walk('clerk')
    t.match(refused, { isRefused: true })
    t.equal(refused.vanished.length, 3)
    t.same(await statuses(), { active: 12, all: 12 })
    t.equal((await readMembers(sql)).length, 12)
    t.match(await walk('clerk', { force: true }), { isRefused: false, endedMemberships: 3 })
    t.same(await statuses(), { active: 9, all: 12 })
  },
)

t.test(
  'who or what a page missed, because others left in the meantime, is asked for by id and stays',
  async (t) => {
    fillClerk(105)
    clerk.memberships.remove({ organization: acme, user: userId(100) }, quietly)
    await walk('clerk')
    t.equal((await readMembers(sql)).length, 104)
    const report = await walk('clerk', {
      onProgress({ pages }) {
        // Everybody moves up by one, and the first of the second page onto the first, which was read already.
        if (pages === 1) clerk.users.remove(userId(0), quietly)
        if (pages === 4) clerk.memberships.remove({ organization: acme, user: userId(1) }, quietly)
      },
    })
    t.match(report, { seen: 104, vanished: [], endedMemberships: 1, isRefused: false })
    t.equal((await statuses()).active, 105)
    t.match(await walk('clerk'), { vanished: [{ externalId: userId(0) }], endedMemberships: 1 })
  },
)

t.test('Frontegg: everybody with their roles in every tenant, who leaves one, and who is gone', async (t) => {
  const { acme: tenant, globex, katherine } = seeded
  for (let index = 0; index < 12; index += 1) {
    const user = frontegg.users.put({ email: `filler.${index}@example.com`, name: `Filler ${index}` })
    frontegg.memberships.put({ userId: user.id, tenantId: tenant, roles: ['Member'] })
  }
  t.match(await walk('frontegg'), { seen: 16, vanished: [], isRefused: false })
  const members = await readMembers(sql)
  t.equal(members.length, 17)
  t.match(
    members.filter((member) => !member.startsWith('Filler')),
    [
      'Ada Lovelace in Acme Inc. as admin',
      'Grace Hopper in Acme Inc. as member',
      'Katherine Johnson in Acme Inc. as member',
      'Katherine Johnson in Globex as admin',
      'alan@example.com in Acme Inc. as viewer',
    ],
  )
  t.match(await walk('frontegg'), { changed: 0, endedMemberships: 0 })

  frontegg.memberships.remove(katherine, globex)
  t.match(await walk('frontegg'), { endedMemberships: 1, vanished: [] })
  t.equal((await readMembers(sql)).length, 16)
  frontegg.users.remove(katherine)
  t.match(await walk('frontegg'), { vanished: [{ externalId: katherine }], isRefused: false })
  t.same(await statuses(), { active: 15, all: 16 })

  for (const { id } of frontegg.users.list().slice(0, 3)) frontegg.users.remove(id)
  t.match(await walk('frontegg'), { isRefused: true })
  t.same(await statuses(), { active: 15, all: 16 })
})

t.test(
  'Supabase: everybody whose webhook was lost, and nobody whose row is what a deletion left',
  async (t) => {
    const { id } = await supabase.signUp({ email: 'left@example.com' })
    supabase.confirm(id)
    for (let index = 0; index < 12; index += 1)
      supabase.confirm((await supabase.signUp({ email: `user.${index}@example.com` })).id)
    t.match(await walk('supabase'), { seen: 13, vanished: [], isRefused: false })
    t.same(await statuses(), { active: 13, all: 13 })
    t.match(await walk('supabase'), { changed: 0 })
    supabase.softDelete(id)
    t.match(await walk('supabase'), { seen: 12, vanished: [{ externalId: id }] })
    t.same(await statuses(), { active: 12, all: 13 })
  },
)

t.test('a vendor who is away in the middle loses nobody, and the run goes on where it was', async (t) => {
  fillClerk(105)
  await walk('clerk')
  const breakDown = () => {
    clerk.setFault({ kind: 'error_500' })
  }
  await t.rejects(walk('clerk', { onProgress: breakDown }), { code: 'FL_UPSTREAM_UNAVAILABLE' })
  t.equal((await statuses()).active, 105)
  clerk.heal()
  await sql`delete from firstlogin.upstream_gates`
  t.match(await walk('clerk'), { pages: 5, vanished: [], endedMemberships: 0 })
})
