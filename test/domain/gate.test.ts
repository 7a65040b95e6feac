import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  createMemoryGate,
  enterGate,
  type Outcome,
  openGate,
  type Pass,
  returnPermit,
  settleGate,
} from '../../domain/gate.ts'

const limits = { calls: 4, windowMs: 1000, pauseMs: 1000 }

type Step = { passMs: number } & ({ enter: number } | { report: Outcome } | { giveBack: number })

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 2, arbitrary: fc.constant('succeeded' as const) },
  { weight: 3, arbitrary: fc.constant('failed' as const) },
  { weight: 1, arbitrary: fc.record({ penaltyMs: fc.integer({ min: 1, max: 30_000 }) }) },
)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ passMs: fc.nat(400), enter: fc.nat(2000) }) },
  { weight: 1, arbitrary: fc.record({ passMs: fc.nat(400), report: outcome }) },
  { weight: 1, arbitrary: fc.record({ passMs: fc.nat(400), giveBack: fc.nat(3) }) },
)
const anySteps = fc.array(anyStep, { maxLength: 80, size: 'max' })

interface Start {
  pass: Pass
  askedAt: number
  at: number
  isProbe: boolean
}

/** Takes the steps by a clock of their own; answers the starts of the calls that are made, in order. */
function walk(steps: Step[], onReport: (outcome: Outcome, now: number) => void = () => {}): Start[] {
  let [state, now] = [openGate, 1_000_000]
  let starts: Start[] = []
  for (const step of steps) {
    now += step.passMs
    if ('report' in step) {
      state = settleGate(state, now, step.report, limits)
      onReport(step.report, now)
      continue
    }
    if ('giveBack' in step) {
      // One of the last permits: its call was about to be made, or was not made at its time.
      const given = starts.at(-1 - step.giveBack)?.pass
      if (!given || given.isProbe) continue
      state = returnPermit(state, given)
      starts = starts.filter(({ pass }) => pass !== given)
      continue
    }
    const entered = enterGate(state, now, step.enter, limits)
    state = entered.state
    const { verdict } = entered
    if ('waitMs' in verdict)
      starts.push({ pass: verdict, askedAt: now, at: now + verdict.waitMs, isProbe: verdict.isProbe })
    else assert.ok(verdict.retryAfterMs > 0)
  }
  return starts.toSorted((a, b) => a.at - b.at)
}

t.test(
  'never more than four calls start in any second, whatever is asked, reported and given back',
  async (t) => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const starts = walk(steps)
        return starts.every(({ at }, index) => at - (starts[index - 4]?.at ?? 0) >= 1000)
      }),
      { numRuns: 1000 },
    )
    t.pass()
  },
)

t.test('nobody is given a turn later than they would wait for', async (t) => {
  const greedy = fc.array(fc.record({ passMs: fc.nat(20), enter: fc.nat(2000) }), {
    maxLength: 80,
    size: 'max',
  })
  fc.assert(
    fc.property(greedy, (steps) => {
      const most = Math.max(0, ...steps.map(({ enter }) => enter))
      return walk(steps).every(({ askedAt, at }) => at - askedAt <= most)
    }),
  )
  t.pass()
})

t.test('a gate that failures closed lets one probe through per pause, until a call succeeds', async (t) => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const opened: number[] = []
      const starts = walk(steps, (outcome, now) => void (outcome === 'succeeded' && opened.push(now)))
      const probes = starts.filter((start) => start.isProbe)
      for (const [index, probe] of probes.entries()) {
        const before = probes[index - 1]
        if (!before || opened.some((now) => now >= before.askedAt && now <= probe.askedAt)) continue
        assert.ok(probe.askedAt - before.at >= limits.pauseMs)
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test(
  'a penalty that the upstream asked for is never shortened, by no success and no failure',
  async (t) => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const penalties: [from: number, until: number][] = []
        const starts = walk(steps, (outcome, now) => {
          if (typeof outcome === 'object') penalties.push([now, now + outcome.penaltyMs])
        })
        for (const { askedAt } of starts) {
          // A penalty of this very millisecond may have come after the turn was given.
          assert.ok(!penalties.some(([from, until]) => askedAt > from && askedAt < until))
        }
      }),
      { numRuns: 1000 },
    )
    t.pass()
  },
)

t.test('three failures in a row close the gate, and a success opens it', async (t) => {
  let now = 1_000_000
  const gate = createMemoryGate(limits, () => now)
  for (const outcome of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const)
    await gate.report(outcome)
  t.match(await gate.enter(0), { isTroubled: true, isProbe: false })
  await gate.report('failed')
  now += 999
  await t.rejects(gate.enter(10_000), { code: 'FL_UPSTREAM_UNAVAILABLE', retryAfterS: 1 })
  now += 1
  t.match(await gate.enter(0), { isProbe: true })
  await t.rejects(gate.enter(10_000), { code: 'FL_UPSTREAM_UNAVAILABLE', retryAfterS: 1 })
  await gate.report('succeeded')
  t.match(await gate.enter(0), { isTroubled: false, isProbe: false })
})

t.test('a late failure does not let a second probe through while the first waits for its turn', async (t) => {
  let now = 1_000_000
  const gate = createMemoryGate({ calls: 1, windowMs: 2000, pauseMs: 1000 }, () => now)
  await gate.enter(0)
  for (let failures = 0; failures < 3; failures += 1) await gate.report('failed')
  now += 1500
  const probe = gate.enter(10_000)
  await gate.report('failed')
  now += 1000
  await t.rejects(gate.enter(10_000), { code: 'FL_UPSTREAM_UNAVAILABLE' })
  t.match(await probe, { waitMs: 500, isProbe: true })
})

t.test('the first call after a penalty is a probe, and the refusal says when that is', async (t) => {
  let now = 1_000_000
  const gate = createMemoryGate(limits, () => now)
  await gate.report({ penaltyMs: 30_000 })
  await gate.report({ penaltyMs: 1000 })
  await t.rejects(gate.enter(60_000), { code: 'FL_UPSTREAM_UNAVAILABLE', retryAfterS: 30 })
  now += 30_000
  t.match(await gate.enter(0), { isTroubled: true, isProbe: true })
})

t.test('a turn that is further away than one would wait is refused and not taken', async (t) => {
  const now = 1_000_000
  const gate = createMemoryGate({ calls: 1, windowMs: 10, pauseMs: 1000 }, () => now)
  t.match(await gate.enter(0), { waitMs: 0 })
  await t.rejects(gate.enter(9), { code: 'FL_UPSTREAM_UNAVAILABLE' })
  t.match(await gate.enter(10), { waitMs: 10 })
})

t.test(
  'as many calls as the window has start at once, and the next one when the first is a window ago',
  async (t) => {
    let now = 1_000_000
    const gate = createMemoryGate(limits, () => now)
    for (let call = 0; call < 4; call += 1) {
      t.match(await gate.enter(0), { waitMs: 0, startAt: now })
      now += 10
    }
    await t.rejects(gate.enter(959), { code: 'FL_UPSTREAM_UNAVAILABLE' })
    now += 960
    t.match(await gate.enter(0), { waitMs: 0 })
    await t.rejects(gate.enter(9), { code: 'FL_UPSTREAM_UNAVAILABLE' })
  },
)

t.test('a permit that is given back is there for the next call, once', async (t) => {
  const now = 1_000_000
  const gate = createMemoryGate({ calls: 1, windowMs: 60_000, pauseMs: 1000 }, () => now)
  const pass = await gate.enter(0)
  await gate.returnPermit(pass)
  t.match(await gate.enter(0), { waitMs: 0 })
  await t.rejects(gate.enter(0), { code: 'FL_UPSTREAM_UNAVAILABLE' })
})

t.test('a call that waits for its turn starts when a permit is given back', async (t) => {
  const now = 1_000_000
  const gate = createMemoryGate({ calls: 1, windowMs: 60_000, pauseMs: 1000 }, () => now)
  const pass = await gate.enter(0)
  const next = gate.enter(60_000)
  await gate.returnPermit(pass)
  t.match(await next, { waitMs: 0, startAt: now })
})

t.test('the permit of a probe is not given back: the gate stays closed behind it', async (t) => {
  let now = 1_000_000
  const gate = createMemoryGate(limits, () => now)
  for (let failures = 0; failures < 3; failures += 1) await gate.report('failed')
  now += 1000
  const probe = await gate.enter(0)
  t.match(probe, { isProbe: true })
  await gate.returnPermit(probe)
  await t.rejects(gate.enter(10_000), { code: 'FL_UPSTREAM_UNAVAILABLE' })
})
