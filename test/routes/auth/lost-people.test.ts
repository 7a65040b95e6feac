import t, { type Test } from 'tap'
import { createWorld } from '../../support/service.ts'
import { createClient, isProblem } from './client.ts'

/** Ada has a session, and her row is gone; an instance that never met her answers. */
async function loseAda(t: Test) {
  const world = await createWorld(t)
  const service = await world.start()
  const tokens = (await service.login('ada@example.com', 'analytical-engine')).json()
  await world.sql`delete from firstlogin.users`
  const late = await world.start()
  return { ...world, service: late, ...createClient(late.app), tokens }
}

t.test('`me` brings a person back whose row was lost, by their identity upstream', async (t) => {
  const { tokens, me, post, sql, airtable } = await loseAda(t)
  const replies = await Promise.all(Array.from({ length: 10 }, () => me(tokens.accessToken)))
  t.same(new Set(replies.map((reply) => reply.statusCode)), new Set([200]))
  const { id, createdAt, lastLoginAt: _, ...rest } = replies.at(0)?.json().user ?? {}
  t.match(tokens.user, rest, 'the same person')
  t.not(id, tokens.user.id)
  t.ok(createdAt >= tokens.user.createdAt)
  t.same(await sql`select id from firstlogin.users`, [{ id }], 'once')
  t.ok(airtable.calls().total <= 3)

  const headers = { authorization: `Bearer ${tokens.accessToken}` }
  t.equal((await post('logout-all', undefined, { headers })).statusCode, 204)
  isProblem(t, await me(tokens.accessToken), 'FL_SESSION_INVALID')
})

t.test('refresh does so too, for all who ask at once', async (t) => {
  const { tokens, refresh, me, service } = await loseAda(t)
  const replies = await Promise.all(Array.from({ length: 10 }, () => refresh(tokens.refreshToken)))
  t.same(
    replies.map((reply) => reply.statusCode),
    Array(10).fill(200),
  )
  t.equal(new Set(replies.map((reply) => reply.json().refreshToken)).size, 1)
  const { accessToken, user } = replies.at(0)?.json() ?? {}
  t.equal((await me(accessToken)).json().user.id, user.id)
  t.notOk(service.log.some((line) => line.event === 'session.reuse_detected'))
})

t.test('a retry within the grace brings them back as well', async (t) => {
  const { tokens, refresh, sql } = await loseAda(t)
  const next = (await refresh(tokens.refreshToken)).json()
  await sql`delete from firstlogin.users`
  const again = await refresh(tokens.refreshToken)
  t.equal(again.statusCode, 200)
  t.equal(again.json().refreshToken, next.refreshToken)
})

t.test('whom upstream does not know any more, or cannot speak of now, is not brought back', async (t) => {
  const { tokens, refresh, me, airtable } = await loseAda(t)
  airtable.setFault({ kind: 'error_500' })
  isProblem(t, await me(tokens.accessToken), 'FL_UPSTREAM_UNAVAILABLE')
  isProblem(t, await refresh(tokens.refreshToken), 'FL_UPSTREAM_UNAVAILABLE')
  airtable.heal()
  airtable.records.remove('recAdaLovelace001')
  isProblem(t, await me(tokens.accessToken), 'FL_SESSION_INVALID')
  isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
  airtable.records.put('recAdaLovelace001', { Email: 'ada@example.com', Status: 'Disabled' })
  isProblem(t, await me(tokens.accessToken), 'FL_SESSION_INVALID')
  isProblem(t, await refresh(tokens.refreshToken), 'FL_SESSION_INVALID')
})
