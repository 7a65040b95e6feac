import postgres, { type Sql } from 'postgres'
import t from 'tap'
import { uuidv7 } from 'uuidv7'
import { applyChanges } from '../../db/apply.ts'
import { channel } from '../../db/notices.ts'
import { findSession, startSession } from '../../db/sessions.ts'
import { findUserByEmail, findUserByIdentity, touchIdentities } from '../../db/users.ts'
import type { UserUpserted } from '../../domain/change.ts'
import { canonicalEmail } from '../../domain/email.ts'
import { defaultOwnership } from '../../domain/ownership.ts'
import { createDatabase } from '../support/database.ts'
import { until } from '../support/until.ts'
import { apply, deleted, listPeople, upserted } from './apply/people.ts'

const ada = 'ada@example.com'

async function signIn(sql: Sql, userId: string | null | undefined): Promise<string> {
  const session = { id: uuidv7(), userId: userId ?? '', tokenHash: Buffer.alloc(32), userAgent: null }
  const started = await startSession(sql, { ...session, address: null, network: null, ttlS: 60 })
  return started?.session.id ?? 'nobody may sign in'
}

t.test('two hundred who meet one new person at once make one row', async (t) => {
  const { sql } = await createDatabase(t)
  const applied = await Promise.all(
    Array.from({ length: 200 }, () => apply(sql, [upserted('rec1', 1, { email: ada })])),
  )
  t.strictSame(applied.flat().filter(({ path }) => path === 'created').length, 1)
  t.equal(new Set(applied.flat().map(({ userId }) => userId)).size, 1)
  t.same(await sql`select count(*)::int as n from firstlogin.users`, [{ n: 1 }])
  t.same(await sql`select count(*)::int as n from firstlogin.identities`, [{ n: 1 }])
})

t.test(
  'the sessions of a person who is disabled, deleted or retired end in the same transaction',
  async (t) => {
    const { sql } = await createDatabase(t)
    const ends = {
      disabled: [upserted('rec1', 2, { status: 'disabled' })],
      deleted: [deleted('rec1', 2)],
      retired: [
        upserted('rec2', 2, { email: 'bob@example.com' }),
        upserted('rec1', 3, { email: 'bob@example.com' }),
      ],
    }
    for (const [how, changes] of Object.entries(ends)) {
      await sql`truncate firstlogin.users, firstlogin.identities, firstlogin.sessions cascade`
      const [person] = await apply(sql, [upserted('rec1', 1, { email: ada })])
      const session = await signIn(sql, person?.userId)
      const undone = sql.begin(async (tx) => {
        await applyChanges(tx, changes, { ownership: defaultOwnership, createId: uuidv7 })
        t.same(await tx`select 1 from firstlogin.sessions where ended_at is null`, [], how)
        throw new Error('rolled back')
      })
      await t.rejects(undone, { message: 'rolled back' })
      t.equal((await findSession(sql, session))?.user?.status, 'active', how)
      await apply(sql, changes)
      t.equal(await findSession(sql, session), undefined, how)
      t.equal(await signIn(sql, person?.userId), 'nobody may sign in', how)
    }
  },
)

t.test('a password that was replaced while it was verified starts no session', async (t) => {
  const { sql } = await createDatabase(t)
  const [person] = await apply(sql, [upserted('rec1', 1, { email: ada, passwordHash: 'old' })])
  await apply(sql, [upserted('rec1', 2, { passwordHash: 'new' })])
  const session = { id: uuidv7(), userId: person?.userId ?? '', tokenHash: Buffer.alloc(32), userAgent: null }
  const start = (passwordHash: string) =>
    startSession(sql, { ...session, address: null, network: null, ttlS: 60, passwordHash })
  t.equal(await start('old'), undefined)
  t.ok(await start('new'))
})

t.test(
  'a new address, a new password and the first verified identity end the sessions in the same transaction',
  async (t) => {
    const { sql } = await createDatabase(t)
    const verified: UserUpserted = {
      ...upserted('user_1', 2, { email: ada }),
      upstream: 'clerk',
      isAccount: true,
    }
    const ends = {
      address: upserted('rec1', 3, { email: 'bob@example.com' }),
      password: upserted('rec1', 3, { passwordHash: 'new' }),
      'no password': upserted('rec1', 3, { passwordHash: null }),
      verified,
    }
    for (const [how, change] of Object.entries(ends)) {
      await sql`truncate firstlogin.users, firstlogin.identities, firstlogin.sessions cascade`
      const first = {
        ...upserted('rec1', 1, { email: ada, passwordHash: 'old' }),
        isUnverified: true as const,
      }
      const [person] = await apply(sql, [first])
      const session = await signIn(sql, person?.userId)
      await apply(sql, [{ ...upserted('rec1', 2, { name: 'Ada', passwordHash: 'old' }), isUnverified: true }])
      t.ok(await findSession(sql, session), 'a repeated hash and another name end none')
      const undone = sql.begin(async (tx) => {
        await applyChanges(tx, [{ ...change, ...(how !== 'verified' && { isUnverified: true }) }], {
          ownership: defaultOwnership,
          createId: uuidv7,
        })
        t.same(await tx`select 1 from firstlogin.sessions where ended_at is null`, [], how)
        throw new Error('rolled back')
      })
      await t.rejects(undone, { message: 'rolled back' })
      t.ok(await findSession(sql, session), how)
    }
  },
)

t.test('the sessions of others, and of a person whose name or role changes, go on', async (t) => {
  const { sql } = await createDatabase(t)
  const people = await apply(sql, [
    upserted('rec1', 1, { email: ada }),
    upserted('rec2', 1, { email: 'bob@example.com' }),
  ])
  const sessions = await Promise.all(people.map(({ userId }) => signIn(sql, userId)))
  await apply(sql, [
    upserted('rec1', 2, { email: 'Ada@Example.com', name: 'Ada', role: 'admin' }),
    deleted('rec9', 3),
  ])
  for (const session of sessions) t.ok(await findSession(sql, session))
})

t.test(
  'other instances hear of a change when it is committed, and never of one that was undone',
  async (t) => {
    const { sql, url } = await createDatabase(t)
    const heard: string[] = []
    const line = postgres(url, { max: 1 })
    t.teardown(() => line.end())
    await line.listen(channel, (payload) => heard.push(payload))
    /** Notifications come in the order of their commits: what was committed before this one has been heard. */
    const settle = async () => {
      const mark = `mark ${heard.length}`
      await sql.notify(channel, mark)
      await until(() => heard.at(-1) === mark)
      heard.pop()
    }

    const undone = sql.begin(async (tx) => {
      await applyChanges(tx, [upserted('rec1', 1, { email: ada })], {
        ownership: defaultOwnership,
        createId: uuidv7,
      })
      throw new Error('rolled back')
    })
    await t.rejects(undone)
    await settle()
    t.strictSame(heard, [])

    const [person] = await apply(sql, [upserted('rec1', 1, { email: 'Ada@Example.com' })])
    await settle()
    const notice = JSON.stringify({ userId: person?.userId, email: ada })
    t.strictSame(heard, [notice], 'somebody new may be remembered as unknown')
    await apply(sql, [upserted('rec1', 2, { email: 'Ada@Example.com' })])
    await settle()
    t.strictSame(heard, [notice], 'that nothing changed is no news')
    await apply(sql, [deleted('rec1', 3)])
    await settle()
    t.strictSame(heard, [notice, notice])
  },
)

t.test('a person whose row was lost is found again by the very news that is known already', async (t) => {
  const { sql } = await createDatabase(t)
  const change = upserted('rec1', 1, { email: ada, name: 'Ada', passwordHash: 'hash' })
  await apply(sql, [change])
  const before = await listPeople(sql)
  await sql`delete from firstlogin.users`
  t.match(await apply(sql, [change]), [{ path: 'created' }])
  t.strictSame(await listPeople(sql), before)
  t.ok(await findUserByIdentity(sql, 'airtable', 'rec1'))
})

t.test('nobody who is deleted is found, by address or by id', async (t) => {
  const { sql } = await createDatabase(t)
  await apply(sql, [upserted('rec1', 1, { email: ada }), deleted('rec1', 2)])
  t.equal(await findUserByEmail(sql, canonicalEmail(ada)), undefined)
  t.equal(await findUserByIdentity(sql, 'airtable', 'rec1'), undefined)
})

t.test('records that are looked at while they change do not lock each other out', async (t) => {
  const { sql } = await createDatabase(t)
  const ids = Array.from({ length: 40 }, (_, index) => `rec${index}`)
  const some = () => ids.toSorted(() => Math.random() - 0.5).slice(0, 15)
  let at = 1
  await apply(
    sql,
    some().map((id) => upserted(id, 0, { email: `${id}@example.com` })),
  )
  const work = Array.from({ length: 8 }, async (_, index) => {
    for (let round = 0; round < 40; round += 1) {
      if (index % 2) await touchIdentities(sql, 'airtable', some())
      else
        await apply(
          sql,
          some().map((id) => upserted(id, ++at, { email: `${id}@example.com`, name: `${at}` })),
        )
    }
  })
  await t.resolves(Promise.all(work))
})
