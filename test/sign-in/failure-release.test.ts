import t from 'tap'
import { createFailureRelease } from '../../sign-in/failure-release.ts'
import { createTestClock } from '../support/clocks.ts'

function start(unit: number, random = 0.5) {
  const clock = createTestClock()
  const release = createFailureRelease({ unitMs: () => unit, clock, random: () => random })
  return {
    clock,
    release: (anchor: number, { isHeldBack = false, forms = 1 } = {}) =>
      release(anchor, { isHeldBack, forms }),
  }
}

t.test(
  'a failure is answered a budget and up to 100 ms after its anchor, whatever the work took',
  async (t) => {
    for (const workedMs of [0, 17, 639, 640]) {
      const { clock, release } = start(20)
      const anchor = clock.now()
      clock.moveTo(anchor + workedMs)
      void release(anchor)
      t.same(clock.due(), [anchor + 640 + 50], `after ${workedMs} ms`)
    }
    for (const random of [0, 0.25, 0.999]) {
      const { clock, release } = start(20, random)
      void release(clock.now())
      t.same(clock.due(), [clock.now() + 640 + 100 * random])
    }
  },
)

t.test('work that outlasts its budget is answered at the end of the next one', async (t) => {
  const { clock, release } = start(20)
  const anchor = clock.now()
  clock.moveTo(anchor + 641)
  void release(anchor)
  t.same(clock.due(), [anchor + 1280 + 50])
})

t.test('the budget is that of the costliest hash at the speed of the machine, 250 ms to 3 s', async (t) => {
  for (const [unit, budget] of [
    [1, 250],
    [30, 960],
    [500, 3000],
  ] as const) {
    const { clock, release } = start(unit)
    void release(clock.now())
    t.same(clock.due(), [clock.now() + budget + 50])
  }
})

t.test('networks that are held back are answered after twice the budget', async (t) => {
  const { clock, release } = start(20)
  void release(clock.now(), { isHeldBack: true })
  t.same(clock.due(), [clock.now() + 1280 + 50])
})

t.test('a password that has three forms is answered after three budgets', async (t) => {
  for (const [unit, budget] of [
    [20, 640],
    [500, 3000],
  ] as const) {
    const { clock, release } = start(unit)
    void release(clock.now(), { forms: 3 })
    t.same(clock.due(), [clock.now() + 3 * budget + 50])
  }
})
