import t from 'tap'
import { createWindowCounts } from '../../../plugins/rate-limit/counts.ts'

const windowMs = 60_000
const max = 3

function start(places: number) {
  let now = 0
  const counts = createWindowCounts({ places, clock: () => now })
  const count = (key: string) => counts.count(key, windowMs, max)
  return {
    counts,
    count,
    isRefused: (key: string) => count(key).current > max,
    pass: (ms: number) => (now += ms),
  }
}

t.test('requests count until their window ends, and what is left of it is told', async (t) => {
  const { count, pass } = start(10)
  t.same(count('a'), { current: 1, ttl: windowMs })
  pass(20_000)
  t.same(count('a'), { current: 2, ttl: 40_000 })
  t.same(count('b'), { current: 1, ttl: windowMs })
  pass(40_000)
  t.same(count('a'), { current: 1, ttl: windowMs })
})

t.test('a blocked network stays blocked after 5,200 others, and after 200,000', async (t) => {
  const { counts, count, isRefused } = start(5_000)
  for (let i = 0; i <= max; i += 1) count('attacker')
  for (let i = 0; i < 5_200; i += 1) count(`other ${i}`)
  t.ok(isRefused('attacker'))
  for (let i = 0; i < 200_000; i += 1) count(`another ${i}`)
  t.ok(isRefused('attacker'))
  t.ok(counts.size <= 10_000, 'memory is bounded')
})

t.test('a block ends with its window', async (t) => {
  const { count, isRefused, pass } = start(10)
  for (let i = 0; i <= max; i += 1) count('attacker')
  pass(windowMs - 1)
  t.ok(isRefused('attacker'))
  pass(1)
  t.notOk(isRefused('attacker'))
})

t.test(
  'more blocked networks than places: none gets through, and hardly a stranger is refused',
  async (t) => {
    const { counts, count, isRefused, pass } = start(100)
    const blocked = Array.from({ length: 1_000 }, (_, i) => `blocked ${i}`)
    for (const key of blocked) for (let i = 0; i <= max; i += 1) count(key)
    t.ok(counts.size <= 200)
    pass(windowMs / 2)
    t.same(
      blocked.filter((key) => !isRefused(key)),
      [],
    )
    const strangers = Array.from({ length: 1_000 }, (_, i) => `stranger ${i}`)
    const refused = strangers.filter(isRefused).length
    // Of a million places a thousand are taken: one stranger in a thousand is expected to meet one.
    t.ok(refused < 30, `${refused} refused`)
    pass(3 * windowMs)
    t.same(blocked.filter(isRefused), [], 'and all of them are let in again')
  },
)
