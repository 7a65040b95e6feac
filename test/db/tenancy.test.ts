import assert from 'node:assert/strict'
import fc from 'fast-check'
import postgres from 'postgres'
import t from 'tap'
import { channel } from '../../db/notices.ts'
import type { Change } from '../../domain/change.ts'
import { toGrant } from '../../domain/grant.ts'
import { createDatabase } from '../support/database.ts'
import { anyBatches, anyTenancy } from './tenancy/histories.ts'
import * as news from './tenancy/news.ts'
import { rowsAfter } from './tenancy/reference.ts'
import { readRows, removeAll } from './tenancy/rows.ts'

const { ada, admin, member, tell } = news
const acme = 'org_acmeinc00001'

/** Ada, who is a member of Acme. */
const adaOfAcme = [
  news.user('user_1', 1, { email: ada }),
  news.organization(acme, 1, 'Acme'),
  news.membership(acme, 'user_1', 1, member),
]

t.test('all events of one person and one organization, in every order, end in one state', async (t) => {
  const { sql } = await createDatabase(t)
  const created = { created: true }
  const lives: Change[] = [
    news.user('user_1', 1, { email: ada, name: 'Ada' }, created),
    news.user('user_1', 3, { name: 'Ada King' }),
    news.userGone('user_1', 5),
    news.organization(acme, 1, 'Acme', created),
    news.organization(acme, 3, 'Acme & Co'),
    news.organizationGone(acme, 5),
    news.membership(acme, 'user_1', 2, member, created),
    news.membership(acme, 'user_1', 3, admin),
    news.membershipGone(acme, 'user_1', 5),
    ...news.token(acme, 'user_1', 4, 'Ada@Example.com'),
  ]
  const revivals: Change[] = [
    news.user('user_1', 6, {}, created),
    news.organization(acme, 6, undefined, created),
    news.membership(acme, 'user_1', 6, member, created),
  ]
  const anyLife = fc.subarray(revivals).chain((revived) => {
    const changes = [...lives, ...revived]
    return anyBatches(changes).map((batches) => ({ changes, revived, batches }))
  })
  const endsInOne = fc.asyncProperty(anyLife, async ({ changes, revived, batches }) => {
    await removeAll(sql)
    for (const batch of batches) await tell(sql, ...batch)
    const rows = await readRows(sql)
    assert.deepEqual(rows, rowsAfter(changes))
    assert.equal(rows.memberships[0]?.isActive, revived.length === revivals.length)
    assert.equal(rows.organizations[0]?.name, 'Acme & Co')
  })
  await fc.assert(endsInOne, { numRuns: 25 })
  t.pass()
})

t.test(
  'any history of two people and two organizations ends in the rows that the set of changes tells of',
  async (t) => {
    const { sql } = await createDatabase(t)
    const tellAndCompare = fc.asyncProperty(anyTenancy, async ({ changes, batches }) => {
      await removeAll(sql)
      for (const batch of batches) await tell(sql, ...batch)
      assert.deepEqual(await readRows(sql), rowsAfter(changes))
    })
    await fc.assert(tellAndCompare, { numRuns: 50 })
    t.pass()
  },
)

t.test('a membership that comes first makes placeholders, which later news fill', async (t) => {
  const { sql } = await createDatabase(t)
  const [first] = await tell(sql, news.membership(acme, 'user_1', 2, member))
  t.match(first, { kind: 'membership', path: 'created', hadEffect: true })
  const linked = { isActive: true, isOfOrganization: true, person: ['clerk user_1'] }
  t.match(await readRows(sql), {
    people: [{ email: '', name: null, status: 'active', records: ['clerk user_1'] }],
    organizations: [{ externalId: acme, name: 'acmeinc0', slug: 'acmeinc0', status: 'active' }],
    memberships: [{ ...linked, role: 'member' }],
  })
  const ids = () => sql`select u.id as u, o.id as o from firstlogin.users u, firstlogin.organizations o`
  const before = await ids()
  await tell(sql, news.user('user_1', 1, { email: ada, name: 'Ada' }))
  await tell(sql, news.organization(acme, 1, 'Acme'))
  t.match(await readRows(sql), {
    people: [{ email: ada, name: 'Ada' }],
    organizations: [{ name: 'Acme', slug: 'acmeinc0' }],
    memberships: [linked],
  })
  t.same(await ids(), before)
})

t.test(
  'who or what is deleted has no active membership; coming back, by created alone, brings it back',
  async (t) => {
    const { sql } = await createDatabase(t)
    const created = { created: true }
    const isActive = async () => (await readRows(sql)).memberships[0]?.isActive
    const ways: [Change, Change, Change][] = [
      [news.userGone('user_1', 2), news.user('user_1', 3), news.user('user_1', 4, {}, created)],
      [news.organizationGone(acme, 2), news.organization(acme, 3), news.organization(acme, 4, 'A', created)],
      [
        news.membershipGone(acme, 'user_1', 2),
        news.membership(acme, 'user_1', 3, admin),
        news.membership(acme, 'user_1', 4, admin, created),
      ],
    ]
    for (const [gone, again, back] of ways) {
      await removeAll(sql)
      await tell(sql, ...adaOfAcme)
      t.equal(await isActive(), true)
      await tell(sql, gone)
      t.equal(await isActive(), false, gone.type)
      const [answer] = await tell(sql, again)
      t.match(answer, { path: 'tombstoned', hadEffect: false })
      t.equal(await isActive(), false)
      await tell(sql, back)
      t.equal(await isActive(), true)
    }
  },
)

t.test('a membership that a complete listing missed is not active until it is seen again', async (t) => {
  const { sql } = await createDatabase(t)
  await tell(sql, ...adaOfAcme)
  const isActive = async () => (await readRows(sql)).memberships[0]?.isActive
  const seen = (readAt: number) => ({ ...news.membership(acme, 'user_1', 1), readAt }) as Change
  await tell(sql, seen(4))
  await tell(sql, news.membershipGone(acme, 'user_1', 3, 'vanished'))
  t.equal(await isActive(), true, 'it was seen since')
  await tell(sql, news.membershipGone(acme, 'user_1', 5, 'vanished'))
  t.equal(await isActive(), false)
  await tell(sql, seen(6))
  t.equal(await isActive(), true)
})

t.test('the same membership told once more changes nothing, and nobody hears of it', async (t) => {
  const { sql } = await createDatabase(t)
  await tell(sql, ...adaOfAcme)
  const rows = () => sql`select xmin::text, updated_at from firstlogin.memberships`
  const before = await rows()
  const again = await tell(sql, ...adaOfAcme)
  t.same(
    again.map(({ path, hadEffect, isVisible }) => [path, hadEffect, isVisible]),
    again.map(() => ['stale', false, false]),
  )
  t.same(await rows(), before)
})

t.test('news that follow a mere sight of the same membership in one transaction are kept', async (t) => {
  const { sql } = await createDatabase(t)
  await tell(sql, ...adaOfAcme)
  await tell(sql, news.membership(acme, 'user_1', 2), news.membership(acme, 'user_1', 3, admin))
  t.match((await readRows(sql)).memberships, [{ role: 'admin', toldAt: 3 }])
})

t.test(
  "a person who comes back under another id has the memberships of the record that stands, not the former one's",
  async (t) => {
    const { sql } = await createDatabase(t)
    await tell(sql, ...adaOfAcme)
    const [, answer] = await tell(sql, news.userGone('user_1', 2), news.user('user_2', 2, { email: ada }))
    t.equal(answer?.path, 'rekeyed')
    t.match((await readRows(sql)).memberships, [{ user: 'user_1', isActive: false, person: null }])
    const [second] = await tell(sql, news.membership(acme, 'user_2', 3, admin))
    t.equal(second?.userId, answer?.userId)
    t.match((await readRows(sql)).memberships, [
      { user: 'user_1', isActive: false, person: null },
      { user: 'user_2', isActive: true, person: ['clerk user_2'] },
    ])
  },
)

t.test(
  'a slug is the first eight letters of the id, longer where that is taken, and stays for ever',
  async (t) => {
    const { sql } = await createDatabase(t)
    const slugs = async () => (await readRows(sql)).organizations.map(({ slug, bucket }) => [slug, bucket])
    await tell(sql, news.organization('org_acmeinc0', 1, 'Acme'))
    await tell(sql, news.organization('org_acmeinc01', 1), news.organization('org_acmeinc012', 1))
    const chosen = [
      ['acmeinc0', 'org-acmeinc0'],
      ['acmeinc01', 'org-acmeinc01'],
      ['acmeinc012', 'org-acmeinc012'],
    ]
    t.strictSame(await slugs(), chosen)
    await tell(sql, news.organizationGone('org_acmeinc0', 2), news.organization('org_acmeinc01', 2, 'New'))
    await tell(sql, news.organization('org_acmeinc0', 3, 'Again', { created: true }))
    t.strictSame(await slugs(), chosen)
    await tell(sql, { ...news.organization('org_acmeinc0', 1, 'Acme elsewhere'), upstream: 'frontegg' })
    const elsewhere = (await slugs()).filter(([slug]) => !chosen.some(([taken]) => taken === slug))
    t.equal(elsewhere.length, 1)
    t.match(elsewhere[0]?.[0], /^[0-9a-f]{16}$/)
  },
)

t.test(
  'the strongest of several roles counts; an unknown one is a viewer and says so; all are kept as they are',
  async (t) => {
    const { sql } = await createDatabase(t)
    const usual = { 'org:admin': 'admin', 'org:member': 'member' } as const
    const told = [' Org:Member', 'org:admin', 'billing "x", {y}']
    await tell(sql, news.membership(acme, 'user_1', 2, toGrant(told, {}, usual)))
    t.match((await readRows(sql)).memberships, [{ role: 'admin', roles: told, isMapped: true, toldAt: 2 }])
    await tell(sql, news.membership(acme, 'user_1', 3, toGrant(['billing'], {}, usual)))
    const unknown = { role: 'viewer', roles: ['billing'], isMapped: false, toldAt: 3, isActive: true }
    t.match((await readRows(sql)).memberships, [unknown])
    await tell(sql, news.membership(acme, 'user_1', 2, admin, { event: 'late' }))
    t.match((await readRows(sql)).memberships, [unknown])
  },
)

t.test('all instances hear whose memberships and which organizations are others now', async (t) => {
  const { sql, url } = await createDatabase(t)
  const line = postgres(url, { max: 1 })
  t.teardown(() => line.end())
  const heard: unknown[] = []
  await line.listen(channel, (payload) => heard.push(JSON.parse(payload)))
  const hear = async (...changes: Change[]) => {
    heard.length = 0
    await tell(sql, ...changes)
    await sql`select pg_notify(${channel}, '"over"')`
    while (heard.at(-1) !== 'over') await new Promise(setImmediate)
    return heard.slice(0, -1)
  }
  await hear(...adaOfAcme, news.user('user_2', 1, { email: 'bob@example.com' }))
  const [ids] = await sql`
    select u.id as user, o.id as organization from firstlogin.users u, firstlogin.organizations o
    where u.email = ${ada}`
  const [aPerson, anOrganization] = [{ userId: ids?.['user'] }, { organizationId: ids?.['organization'] }]
  t.same(await hear(news.membership(acme, 'user_1', 2, admin)), [aPerson])
  t.same(await hear(news.membership(acme, 'user_1', 2, admin)), [])
  t.same(await hear(news.membershipGone(acme, 'user_1', 3)), [aPerson])
  t.same(await hear(news.organization(acme, 2, 'Acme & Co')), [anOrganization])
  t.same(await hear(news.organizationGone(acme, 3)), [anOrganization])
  t.same(await hear(news.organization(acme, 2, 'late', { event: 'a' })), [])
})
