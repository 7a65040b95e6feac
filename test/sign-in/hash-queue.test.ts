import t, { type Test } from 'tap'
import { hashPassword } from '../../domain/password.ts'
import { createHashQueue, type HashClient, type HashQueueOptions } from '../../sign-in/hash-queue.ts'

const costly = `$2b$12$${'a'.repeat(53)}`
const ours = null

/** A queue whose hashes end when the test says so, in virtual time. */
function createBench(options: HashQueueOptions = {}) {
  const running: { name: string; finish: (isRight: boolean) => void }[] = []
  const started: string[] = []
  let now = 0
  const queue = createHashQueue({
    workers: 2,
    clock: () => now,
    compute: {
      verify: (name) =>
        new Promise((resolve) => {
          started.push(name)
          running.push({ name, finish: resolve })
        }),
      hash: async () => 'a hash',
    },
    ...options,
  })
  /** Ends the hash that has run for longest, after so many milliseconds. */
  async function finish(isRight = false, ms = 10): Promise<void> {
    now += ms
    running.shift()?.finish(isRight)
    await settle()
  }
  return { queue, running, started, finish, wait: (ms: number) => void (now += ms) }
}

/** Everything that needs no timer has happened. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate)
}

function from(network: string, isRecognized = false): HashClient {
  return { network, isRecognized }
}

t.test(
  'as many hashes run as there are workers, and the right password is told from the wrong one',
  async (t) => {
    const { queue, running, finish } = createBench()
    const replies = ['a', 'b', 'c'].map((name) => queue.verify(name, ours, from(name)))
    await settle()
    t.same(
      running.map(({ name }) => name),
      ['a', 'b'],
    )
    await finish(true)
    t.same(
      running.map(({ name }) => name),
      ['b', 'c'],
    )
    await finish(false)
    await finish(true)
    t.same(await Promise.all(replies), [true, false, true])
  },
)

t.test('a client of a quiet network is next, whatever waits of forty others', async (t) => {
  const { queue, started, finish } = createBench()
  for (let i = 0; i < 40; i += 1)
    for (let j = 0; j < 10; j += 1) void queue.verify(`flood ${i}`, ours, from(`203.0.113.${i}`))
  for (let i = 0; i < 100; i += 1) await finish(true)
  void queue.verify('quiet', ours, from('198.51.100.1'))
  const before = started.length
  for (let i = 0; i < 45; i += 1) await finish(true)
  t.ok(started.indexOf('quiet') - before < 40, `after ${started.indexOf('quiet') - before} others`)
})

t.test('a recognized client does not wait behind its own network', async (t) => {
  const { queue, started, finish } = createBench()
  const nat = '203.0.113.7'
  for (let i = 0; i < 30; i += 1) void queue.verify('neighbor', ours, from(nat))
  void queue.verify('owner', ours, from(nat, true))
  await finish(true)
  t.equal(started[2], 'owner')
})

t.test('costly hashes leave one worker to the cheap ones', async (t) => {
  const { queue, running, finish } = createBench()
  for (let i = 0; i < 5; i += 1) void queue.verify('costly', costly, from(`203.0.113.${i}`))
  await settle()
  t.same(
    running.map(({ name }) => name),
    ['costly'],
  )
  void queue.verify('cheap', ours, from('198.51.100.1'))
  await settle()
  t.same(
    running.map(({ name }) => name),
    ['costly', 'cheap'],
    'it did not wait',
  )
  await finish(true, 160)
  t.same(
    running.map(({ name }) => name),
    ['cheap', 'costly'],
  )
})

t.test('with one worker alone everything runs, one after the other', async (t) => {
  const { queue, started, finish } = createBench({ workers: 1 })
  void queue.verify('costly', costly, from('a'))
  void queue.verify('cheap', ours, from('b'))
  await finish()
  await finish()
  t.same(started, ['costly', 'cheap'])
})

t.test('networks that fail all the time leave one worker to the others', async (t) => {
  const { queue, running, finish } = createBench()
  const names = () => running.map(({ name }) => name)
  for (let i = 0; i < 21; i += 1)
    for (const network of ['a', 'b']) {
      void queue.verify('guess', ours, from(network))
      await settle()
      await finish(false)
    }
  for (let i = 0; i < 10; i += 1) void queue.verify('guess', ours, from(i % 2 ? 'a' : 'b'))
  await settle()
  t.same(names(), ['guess'], 'both together have one')
  void queue.verify('quiet', ours, from('c'))
  await settle()
  t.same(names(), ['guess', 'quiet'])
  await finish(false)
  t.same(names(), ['quiet', 'guess'])
  await finish(true)
  void queue.verify('owner', ours, from('a', true))
  await settle()
  t.same(names(), ['guess', 'owner'], 'a recognized client of such a network is not held back')
})

async function fill(t: Test, { queue }: ReturnType<typeof createBench>, network: string): Promise<number> {
  for (let admitted = 0; admitted < 5000; admitted += 1) {
    try {
      queue.reserve(from(network))
    } catch (error) {
      t.match(error, { code: 'FL_OVERLOADED', retryAfterS: 4 })
      return admitted
    }
  }
  return Number.POSITIVE_INFINITY
}

t.test(
  'a client that would wait for more than three seconds is refused at once, one of a quiet network is not',
  async (t) => {
    const bench = createBench()
    // Until one was measured, a hash of our own counts as 15 ms: two workers do 400 in three seconds.
    t.equal(await fill(t, bench, 'flood'), 401)
    const place = bench.queue.reserve(from('quiet'))
    const reply = place.verify('quiet', ours)
    await settle()
    await bench.finish(true)
    t.equal(await reply, true)
    t.doesNotThrow(() => bench.queue.reserve(from('flood', true)), 'nor a recognized one of the same network')
  },
)

t.test(
  'how long a hash of our own takes is measured as they run, and decides how many may wait',
  async (t) => {
    const bench = createBench()
    t.equal(bench.queue.unitMs, 15)
    for (let i = 0; i < 70; i += 1) {
      void bench.queue.verify('a', ours, from('a'))
      await settle()
      await bench.finish(true, i % 10 === 0 ? 500 : 100)
    }
    t.equal(bench.queue.unitMs, 100, 'nine of ten took no longer')
    void bench.queue.verify('a', costly, from('a'))
    await settle()
    await bench.finish(true, 5000)
    t.equal(bench.queue.unitMs, 100, 'others are not counted')
    t.equal(await fill(t, bench, 'flood'), 61)
  },
)

t.test('a place that is given back can be taken again', async (t) => {
  const bench = createBench()
  for (let i = 0; i < 2000; i += 1) {
    const place = bench.queue.reserve(from('a'))
    place.release()
    place.release()
  }
  t.equal(await fill(t, bench, 'a'), 401)
})

t.test('a fault of a hash is the answer of that one alone', async (t) => {
  const queue = createHashQueue({
    workers: 1,
    compute: {
      verify: async (password) => {
        if (password === 'broken') throw new Error('broken')
        return true
      },
      hash: hashPassword,
    },
  })
  const broken = queue.verify('broken', ours, from('a'))
  const whole = queue.verify('whole', ours, from('a'))
  await t.rejects(broken, { message: 'broken' })
  t.equal(await whole, true)
})

t.test('it verifies what it hashed', async (t) => {
  const queue = createHashQueue()
  const hash = await queue.hash('analytical-engine', from('a'))
  t.equal(await queue.verify('analytical-engine', hash, from('a')), true)
  t.equal(await queue.verify('difference-engine', hash, from('a')), false)
  t.equal(await queue.verify('analytical-engine', null, from('a')), false)
})
