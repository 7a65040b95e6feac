import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import postgres from 'postgres'
import t from 'tap'
import { claimRecheck, createSharedGate } from '../../db/upstream-gates.ts'
import { createMemoryGate, type Gate, type Outcome } from '../../domain/gate.ts'
import { FirstloginError } from '../../errors.ts'
import { createDatabase } from '../support/database.ts'

const limits = { calls: 4, windowMs: 1000, pauseMs: 1000 }

t.test('two pools on one database together start no more than four calls a second', async (t) => {
  const { sql, url } = await createDatabase(t)
  const other = postgres(url, { max: 10 })
  t.teardown(() => other.end())
  const gates = [sql, other].map((pool) => createSharedGate(pool, 'airtable:app1', limits))
  const starts: number[] = []
  const callers = Array.from({ length: 60 }, async (_, index) => {
    const pass = await gates[index % 2]?.enter(3000)
    starts.push(pass?.startAt ?? Number.NaN)
  })
  const ends = await Promise.allSettled(callers)
  const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  t.ok(refused.every((reason) => reason.code === 'FL_UPSTREAM_UNAVAILABLE'))
  t.ok(starts.length >= 4, `${starts.length} calls`)
  t.equal(starts.length + refused.length, 60)
  starts.sort((a, b) => a - b)
  for (const [index, at] of starts.entries())
    t.ok(at - (starts[index - 4] ?? 0) >= 1000, `call ${index} by the clock of the database`)
})

t.test('a permit that is given back on one instance is there for another one', async (t) => {
  const { sql } = await createDatabase(t)
  const one = createSharedGate(sql, 'airtable:app1', { calls: 1, windowMs: 60_000, pauseMs: 1000 })
  const other = createSharedGate(sql, 'airtable:app1', { calls: 1, windowMs: 60_000, pauseMs: 1000 })
  const pass = await one.enter(0)
  await t.rejects(other.enter(0), { code: 'FL_UPSTREAM_UNAVAILABLE' })
  await one.returnPermit(pass)
  t.match(await other.enter(0), { waitMs: 0 })
})

t.test('each base has a gate of its own, and one name is one gate for everybody', async (t) => {
  const { sql } = await createDatabase(t)
  const one = createSharedGate(sql, 'airtable:app1', limits)
  const same = createSharedGate(sql, 'airtable:app1', limits)
  const another = createSharedGate(sql, 'airtable:app2', limits)
  await one.report({ penaltyMs: 60_000 })
  await t.rejects(same.enter(1000), { code: 'FL_UPSTREAM_UNAVAILABLE', retryAfterS: 60 })
  t.match(await another.enter(0), { isTroubled: false })
})

t.test('an instance that starts later finds the gate as the others left it', async (t) => {
  const { sql } = await createDatabase(t)
  const gate = createSharedGate(sql, 'airtable:app1', limits)
  for (let failures = 0; failures < 3; failures += 1) await gate.report('failed')
  const later = createSharedGate(sql, 'airtable:app1', limits)
  await t.rejects(later.enter(0), { code: 'FL_UPSTREAM_UNAVAILABLE' })
})

type Step = 'enter' | Outcome
const anySteps = fc.array(
  fc.constantFrom<Step>('enter', 'enter', 'enter', 'succeeded', 'failed', 'failed', { penaltyMs: 60_000 }),
  { minLength: 1, maxLength: 16 },
)

async function take(gate: Gate, step: Step) {
  if (step !== 'enter') return gate.report(step)
  try {
    const { isTroubled, isProbe } = await gate.enter(60_000)
    return { isTroubled, isProbe }
  } catch (error) {
    return error instanceof FirstloginError && error.code
  }
}

t.test('the gate in memory and the shared one give the same answers', async (t) => {
  const { sql } = await createDatabase(t)
  let gates = 0
  // Pauses that are over at once or never, so that the two clocks cannot differ.
  const compare = fc.asyncProperty(anySteps, fc.constantFrom(0, 60_000), async (steps, pauseMs) => {
    const open = { calls: 1000, windowMs: 1, pauseMs }
    const shared = createSharedGate(sql, `gate ${++gates}`, open)
    const alone = createMemoryGate(open)
    for (const step of steps) {
      // The clocks of both move on before the next step.
      await sleep(1)
      const [answer, expected] = [await take(shared, step), await take(alone, step)]
      if (JSON.stringify(answer) !== JSON.stringify(expected)) return false
    }
    return true
  })
  await fc.assert(compare, { numRuns: 60 })
  t.pass()
})

t.test('of many instances one may re-check people, once a minute', async (t) => {
  const { sql } = await createDatabase(t)
  const claims = await Promise.all(Array.from({ length: 20 }, () => claimRecheck(sql, 'airtable:app1')))
  t.equal(claims.filter(Boolean).length, 1)
  await sql`update firstlogin.upstream_gates set rechecked_at = now() - interval '61 seconds'`
  t.equal(await claimRecheck(sql, 'airtable:app1'), true)
  t.equal(await claimRecheck(sql, 'airtable:app1'), false)
  t.equal(await claimRecheck(sql, 'airtable:app2'), true, 'each upstream has a minute of its own')
})
