import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Sql } from 'postgres'
import t from 'tap'
import { uuidv7 } from 'uuidv7'
import { applyChanges } from '../../../db/apply.ts'
import type { Change } from '../../../domain/change.ts'
import { defaultOwnership } from '../../../domain/ownership.ts'
import { createDatabase } from '../../support/database.ts'
import { anyTenancy } from './histories.ts'
import * as news from './news.ts'
import { rowsAfter } from './reference.ts'
import { readRows, removeAll } from './rows.ts'

const { ada, admin, member, tell } = news
const acme = 'org_acmeinc00001'

const adaOfAcme: Change[] = [
  news.user('user_1', 1, { email: ada }),
  news.organization(acme, 1, 'Acme'),
  news.membership(acme, 'user_1', 1, member),
]

/** Each batch in a transaction of its own, on so many connections; throws once all are over if any failed. */
async function tellAtOnce(sql: Sql, batches: Change[][], connections = 10): Promise<void> {
  const waiting = [...batches]
  const workers = Array.from({ length: connections }, async () => {
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) await tell(sql, ...batch)
  })
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
  if (failed) throw (failed as PromiseRejectedResult).reason
}

/** The second begins when the first has written, which commits once the second waits for it, or is over. */
async function tellOverlapping(sql: Sql, first: Change[], second: Change[]): Promise<void> {
  const others: Promise<unknown>[] = []
  await sql.begin(async (tx) => {
    await applyChanges(tx, first, { ownership: defaultOwnership, createId: uuidv7 })
    let isOver = false
    others.push(tell(sql, ...second).finally(() => (isOver = true)))
    while (!isOver && !(await isAnybodyWaiting(sql))) await sleep(5)
  })
  await Promise.all(others)
}

async function isAnybodyWaiting(sql: Sql): Promise<boolean> {
  const rows = await sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return rows.length > 0
}

t.test('fifty who tell one new membership at once make one of each', async (t) => {
  const { sql } = await createDatabase(t)
  const told = Array.from({ length: 50 }, () => [news.membership(acme, 'user_1', 2, member)])
  await tellAtOnce(sql, told)
  t.strictSame(await readRows(sql), rowsAfter(told.flat().slice(0, 1)))
  t.same(await sql`select count(*)::int as n from firstlogin.users`, [{ n: 1 }])
})

t.test(
  'nor does any fail when the person, the organization and the membership are deleted at once',
  async (t) => {
    const { sql } = await createDatabase(t)
    for (let round = 0; round < 4; round++) {
      await removeAll(sql)
      const told = Array.from({ length: 50 }, (_, turn): Change => {
        const at = turn + 2
        const made = [
          news.membership(acme, 'user_1', at, admin),
          news.userGone('user_1', at),
          news.membershipGone(acme, 'user_1', at),
          news.organizationGone(acme, at),
          news.membership(acme, 'user_1', at, member, { created: true }),
          news.user('user_1', at, {}, { created: true }),
          news.organization(acme, at, 'Acme', { created: true }),
        ] as const
        return made[(turn + round) % made.length] ?? made[0]
      })
      await tellAtOnce(
        sql,
        told.map((change) => [change]),
      )
      t.strictSame(await readRows(sql), rowsAfter(told))
    }
  },
)

t.test(
  'whoever deletes several people meets whoever tells of their organizations, and neither fails',
  async (t) => {
    const { sql } = await createDatabase(t)
    for (let turn = 0; turn < 8; turn++) {
      const [one, other] = [`org_one${turn}00000`, `org_other${turn}000`]
      const [first, second] = [`user_${turn}_1`, `user_${turn}_2`]
      await tell(sql, news.membership(one, first, 1, member), news.membership(other, second, 1, member))
      await tellAtOnce(sql, [
        [news.organization(one, 5, 'One'), news.membershipGone(other, second, 5)],
        [news.userGone(first, 6), news.userGone(second, 6)],
      ])
      const third = `user_${turn}_3`
      await tell(sql, news.membership(one, third, 7, member))
      await tellAtOnce(sql, [[news.membershipGone(one, third, 8)], [news.userGone(third, 8)]])
    }
    t.notOk((await readRows(sql)).memberships.some(({ isActive }) => isActive))
  },
)

t.test(
  'news of a person and of an organization that overlap leave memberships that agree with both',
  async (t) => {
    const { sql } = await createDatabase(t)
    const created = { created: true }
    const revived = {
      user: [news.user('user_1', 3, {}, created)],
      organization: [news.organization(acme, 3, 'Acme', created)],
    }
    const gone = { user: news.userGone('user_1', 2), organization: news.organizationGone(acme, 2) }
    const overlaps: [string, Change[], Change[], Change[]][] = [
      ['a person goes', [gone.organization], [news.userGone('user_1', 3)], revived.organization],
      ['an organization goes', [gone.user], [news.organizationGone(acme, 3)], revived.user],
      ['both come back', [gone.user, gone.organization], revived.user, revived.organization],
      ['re-keyed', [gone.organization], [news.user('user_2', 3, { email: ada })], revived.organization],
      ['the membership goes', [gone.user], [news.membershipGone(acme, 'user_1', 3)], revived.user],
    ]
    for (const [name, before, first, second] of overlaps) {
      await removeAll(sql)
      await tell(sql, ...adaOfAcme, ...before)
      await tellOverlapping(sql, first, second)
      t.strictSame(await readRows(sql), rowsAfter([...adaOfAcme, ...before, ...first, ...second]), name)
    }
  },
)

t.test('twenty organizations whose ids begin alike get a slug each when they come at once', async (t) => {
  const { sql } = await createDatabase(t)
  const ids = Array.from({ length: 20 }, (_, index) => `org_acmeinc0${String(index).padStart(2, '0')}`)
  await tellAtOnce(
    sql,
    ids.map((id) => [news.organization(id, 1)]),
    20,
  )
  const slugs = (await readRows(sql)).organizations.map(({ slug }) => slug)
  t.equal(new Set(slugs).size, 20)
  t.equal(slugs.filter((slug) => slug === 'acmeinc0').length, 1)
})

t.test('any history on eight connections ends in the rows that the set of changes tells of', async (t) => {
  const { sql } = await createDatabase(t)
  const tellAndCompare = fc.asyncProperty(anyTenancy, async ({ changes, batches }) => {
    await removeAll(sql)
    await tellAtOnce(sql, batches, 8)
    assert.deepEqual(await readRows(sql), rowsAfter(changes))
  })
  // What happens at once does not happen twice alike: nothing is to be gained by looking for something smaller.
  await fc.assert(tellAndCompare, { numRuns: 40, endOnFailure: true })
  t.pass()
})
