import t from 'tap'
import { createPace } from '../../../plugins/webhook/pace.ts'

function start() {
  let now = 0
  const pace = createPace({
    perNetwork: { rate: 10, burst: 3 },
    overall: { rate: 100, burst: 10 },
    maxWaitMs: 500,
    clock: () => now,
  })
  const times = (network: string, count: number) => Array.from({ length: count }, () => pace(network))
  return { pace, times, pass: (ms: number) => (now += ms) }
}

t.test('a few refusals are answered at once, further ones of the network so many a second', async (t) => {
  const { pace, times, pass } = start()
  t.same(times('a', 6), [0, 0, 0, 100, 200, 300])
  t.equal(pace('b'), 0, 'another network')
  pass(400)
  t.equal(pace('a'), 0)
  pass(1000)
  t.same(times('a', 4), [0, 0, 0, 100], 'and it is forgiven with the time')
})

t.test('nobody waits longer than the limit, and what was refused long ago is paid for', async (t) => {
  const { pace, times, pass } = start()
  t.equal(times('a', 50).at(-1), 500)
  pass(500 + 200 + 100)
  t.equal(pace('a'), 0)
})

t.test('many networks together are paced as well', async (t) => {
  const { pace } = start()
  const waits = Array.from({ length: 15 }, (_, i) => pace(`network ${i}`))
  t.same(waits, [...Array<number>(10).fill(0), 10, 20, 30, 40, 50])
})
