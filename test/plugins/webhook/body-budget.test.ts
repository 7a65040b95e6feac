import t from 'tap'
import { type BodyLimits, createBodyBudget } from '../../../plugins/webhook/body-budget.ts'

const limits: BodyLimits = {
  unprovedPerNetwork: 100,
  unproved: 250,
  failedPerNetwork: 60,
  failed: 300,
  small: 10,
}

function start(own: Partial<BodyLimits> = {}) {
  let now = 0
  const budget = createBodyBudget({ ...limits, ...own }, () => now)
  const givenUp: string[] = []
  const begin = (network: string, length = 0) => budget.begin(network, length, () => givenUp.push(network))
  return { begin, givenUp, pass: (ms: number) => (now += ms) }
}

const tooMany = { code: 'FL_RATE_LIMITED' }

t.test('a network has so many bytes under way, proved ones not counted', async (t) => {
  const { begin } = start()
  const first = begin('a', 90)
  first.add(90)
  t.throws(() => begin('a', 20), tooMany, 'by its length, unread')
  const second = begin('a')
  second.add(10)
  t.throws(() => second.add(10), tooMany, 'or as it comes')
  t.doesNotThrow(() => begin('b', 100), 'another network')
  first.settle(true)
  t.doesNotThrow(() => begin('a', 90))
})

t.test('bytes that were not proved count for a minute; small bodies are always taken in', async (t) => {
  const { begin, pass } = start()
  const forged = begin('a', 60)
  forged.add(60)
  forged.settle(false)
  t.throws(() => begin('a', 20), { ...tooMany, retryAfterS: 1 })
  for (let i = 0; i < 20; i += 1) {
    const small = begin('a', 10)
    small.add(10)
    small.settle(false)
  }
  t.throws(() => begin('a', 20), { ...tooMany, retryAfterS: 200 })
  t.throws(() => begin('a').add(20), tooMany, 'of no length')
  t.doesNotThrow(() => begin('b', 20).add(20))
  pass(200_000)
  t.throws(() => begin('a', 20), tooMany)
  pass(1)
  t.doesNotThrow(() => begin('a', 20))
})

t.test('proved bytes are held against nobody, and a body is settled once', async (t) => {
  const { begin } = start()
  for (let i = 0; i < 100; i += 1) {
    const event = begin('a', 90)
    event.add(90)
    event.settle(true)
    event.settle(false)
  }
  t.doesNotThrow(() => begin('a', 90))
})

t.test('where all networks together have too much under way, the oldest body is given up', async (t) => {
  const { begin, givenUp } = start()
  const oldest = begin('a')
  oldest.add(90)
  begin('b').add(90)
  const newest = begin('c')
  newest.add(90)
  t.same(givenUp, ['a'])
  oldest.add(5)
  oldest.settle(false)
  t.doesNotThrow(() => begin('a', 60).add(60), 'and it is held against nobody')
  t.same(givenUp, ['a'])
})

t.test(
  'what all networks together failed to prove keeps out those who have proved nothing lately',
  async (t) => {
    const { begin, pass } = start({ failed: 250 })
    const known = begin('known')
    known.add(5)
    known.settle(true)
    for (const network of ['a', 'b', 'c', 'd', 'e']) {
      const forged = begin(network, 60)
      forged.add(60)
      forged.settle(false)
    }
    t.throws(() => begin('g', 20), { code: 'FL_OVERLOADED', retryAfterS: 12 })
    t.doesNotThrow(() => begin('g', 10), 'small bodies are taken in')
    t.doesNotThrow(() => begin('known', 90).add(90))
    pass(12_001)
    t.doesNotThrow(() => begin('g', 20))
  },
)
