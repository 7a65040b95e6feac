import t from 'tap'
import { createFairQueue } from '../../sign-in/fair-queue.ts'

interface Job {
  name: string
  cost: number
}

const network = (name: string) => ({ name, weight: 1 })
const always = () => true

function createQueue() {
  const queue = createFairQueue<Job>()
  const add = (flow: string, count: number, cost = 1, weight = 1) => {
    for (let i = 0; i < count; i += 1) queue.add({ name: flow, weight }, { name: flow, cost })
  }
  const takeNames = (count: number) => Array.from({ length: count }, () => queue.take(always)?.name)
  return { queue, add, takeNames }
}

t.test('networks with a backlog take turns, however much each of them asks for', async (t) => {
  const { add, takeNames } = createQueue()
  add('a', 100)
  add('b', 2)
  add('c', 50)
  t.same(takeNames(9), ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'c', 'a'])
})

t.test('a network that was idle comes before all that have a backlog', async (t) => {
  const { add, takeNames } = createQueue()
  for (let i = 0; i < 40; i += 1) add(`flood ${i}`, 25)
  takeNames(130)
  add('quiet', 1)
  const next = takeNames(41)
  t.ok(next.indexOf('quiet') < 40, `served as number ${next.indexOf('quiet') + 1}`)
  takeNames(17)
  add('quiet', 1)
  t.equal(takeNames(41).filter((name) => name === 'quiet').length, 1)
})

t.test('shares are counted in work, not in jobs', async (t) => {
  const { add, takeNames } = createQueue()
  add('costly', 10, 10)
  add('cheap', 100, 1)
  const first = takeNames(44)
  t.equal(first.filter((name) => name === 'costly').length, 4)
})

t.test('a flow of weight 4 gets four times the share, and goes first where it ties', async (t) => {
  const { add, takeNames } = createQueue()
  add('a', 100)
  add('heavy', 100, 1, 4)
  const first = takeNames(50)
  t.equal(first[0], 'heavy')
  t.equal(first.filter((name) => name === 'heavy').length, 40)
})

t.test('a job that is not eligible stays, and those behind it may pass', async (t) => {
  const { queue, add } = createQueue()
  add('a', 1, 16)
  add('a', 1, 1)
  t.equal(queue.take(({ cost }) => cost < 4)?.cost, 1)
  t.equal(
    queue.take(({ cost }) => cost < 4),
    undefined,
  )
  t.equal(queue.take(always)?.cost, 16)
  t.equal(queue.take(always), undefined)
})

t.test(
  'what would be taken before a new job is known: nothing for a quiet network, its own backlog for another',
  async (t) => {
    const { queue, add, takeNames } = createQueue()
    t.equal(queue.workBefore(network('quiet')), 0)
    add('a', 10)
    t.equal(queue.workBefore(network('quiet')), 0)
    t.equal(queue.workBefore(network('a')), 10)
    add('b', 4)
    t.equal(queue.workBefore(network('a')), 14)
    t.equal(queue.workBefore(network('b')), 8)
    queue.reserve(network('b'))
    t.equal(
      queue.workBefore(network('b')),
      10,
      'a place that is reserved counts, and lets the others go first',
    )
    queue.release(network('b'))
    takeNames(14)
    t.equal(queue.workBefore(network('a')), 0)
  },
)

t.test('networks are forgotten once nothing of them waits', async (t) => {
  const { queue, add, takeNames } = createQueue()
  for (let i = 0; i < 1000; i += 1) {
    add(`network ${i}`, 1)
    takeNames(1)
  }
  t.equal(queue.flows, 0)
  for (let i = 0; i < 1000; i += 1) queue.reserve(network(`network ${i}`))
  for (let i = 0; i < 1000; i += 1) queue.release(network(`network ${i}`))
  t.same([queue.flows, queue.size], [0, 0])
})

t.test('the work of all jobs that wait and of all places is known at any time', async (t) => {
  const queue = createFairQueue<{ cost: number }>()
  queue.reserve(network('a'))
  queue.reserve(network('b'))
  queue.add(network('a'), { cost: 4 })
  t.same([queue.work, queue.sizeOf(network('a')), queue.sizeOf(network('c'))], [6, 2, 0])
  queue.release(network('a'))
  queue.release(network('a'))
  t.equal(queue.work, 5, 'a place is given back once')
  queue.take(() => true)
  queue.release(network('b'))
  t.equal(queue.work, 0)
})
