import t from 'tap'
import { hashPassword } from '../../domain/password.ts'
import { FirstloginError } from '../../errors.ts'
import { createHashQueue, type HashClient, type HashQueueOptions } from '../../sign-in/hash-queue.ts'
import { createTestClock } from '../support/clocks.ts'

const costly = `$2b$12$${'a'.repeat(53)}`
const ours = null

/** A queue whose hashes end when the test says so, in virtual time. */
function createBench(options: HashQueueOptions = {}) {
  const running: { name: string; finish: (isRight: boolean) => void }[] = []
  const started: string[] = []
  const clock = createTestClock()
  const queue = createHashQueue({
    workers: 2,
    clock,
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
    clock.moveTo(clock.now() + ms)
    running.shift()?.finish(isRight)
    await settle()
  }
  /** These networks have had a success, so that many attempts of theirs are no flood. */
  async function succeedFrom(...networks: string[]): Promise<void> {
    for (const network of networks) {
      void queue.verify('before', ours, from(network))
      await settle()
      await finish(true)
    }
  }
  return {
    queue,
    running,
    started,
    finish,
    succeedFrom,
    wait: (ms: number) => clock.moveTo(clock.now() + ms),
  }
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
  const { queue, started, finish, succeedFrom } = createBench()
  await succeedFrom(...Array.from({ length: 40 }, (_, i) => `203.0.113.${i}`))
  for (let i = 0; i < 40; i += 1)
    for (let j = 0; j < 10; j += 1) void queue.verify(`flood ${i}`, ours, from(`203.0.113.${i}`))
  for (let i = 0; i < 100; i += 1) await finish(true)
  void queue.verify('quiet', ours, from('198.51.100.1'))
  const before = started.length
  for (let i = 0; i < 45; i += 1) await finish(true)
  t.ok(started.indexOf('quiet') - before < 40, `after ${started.indexOf('quiet') - before} others`)
})

t.test('a recognized client does not wait behind its own network', async (t) => {
  const { queue, started, finish, succeedFrom } = createBench()
  const nat = '203.0.113.7'
  await succeedFrom(nat)
  for (let i = 0; i < 30; i += 1) void queue.verify('neighbor', ours, from(nat))
  void queue.verify('owner', ours, from(nat, true))
  await finish(true)
  t.equal(started.filter((name) => name !== 'before')[2], 'owner')
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

/** Twenty wrong passwords, now and then, so that nothing waits meanwhile. */
async function makeNoisy({ queue, running, finish, wait }: ReturnType<typeof createBench>, network: string) {
  for (let i = 0; i < 21; i += 1) {
    void queue.verify('before', ours, from(network))
    await settle()
    if (running.length === 0) {
      wait(10)
      await settle()
    }
    await finish(false)
  }
}

t.test('networks that fail all the time get a quarter of the workers, all together', async (t) => {
  const bench = createBench({ workers: 8 })
  const { queue, running, finish } = bench
  const names = () => running.map(({ name }) => name)
  for (const network of ['a', 'b', 'c']) await makeNoisy(bench, network)
  for (const network of ['a', 'b', 'c', 'a', 'b', 'c']) void queue.verify(network, ours, from(network))
  await settle()
  t.same(names(), ['a', 'b'])
  void queue.verify('quiet', ours, from('d'))
  await settle()
  t.same(names(), ['a', 'b', 'quiet'])
  await finish(false)
  t.same(names(), ['b', 'quiet', 'c'])
  void queue.verify('owner', ours, from('a', true))
  await settle()
  t.same(names(), ['b', 'quiet', 'c', 'owner'], 'a recognized client of such a network is not held back')
})

t.test(
  'where a quarter is less than one worker, they stand still as long as it takes to make it one',
  async (t) => {
    const bench = createBench({ workers: 2 })
    const { queue, running, finish, wait } = bench
    const names = () => running.map(({ name }) => name)
    await makeNoisy(bench, 'a')
    wait(10)
    for (let i = 0; i < 3; i += 1) void queue.verify(`guess ${i}`, ours, from('a'))
    await settle()
    t.same(names(), ['guess 0'])
    await finish(false, 30)
    t.same(names(), [], 'one worker ran for 30 ms: half of the time')
    void queue.verify('quiet', ours, from('b'))
    await settle()
    t.same(names(), ['quiet'], 'others do not wait')
    await finish(true, 0)
    wait(29)
    await settle()
    t.same(names(), [])
    wait(1)
    await settle()
    t.same(names(), ['guess 1'])
  },
)

/** Takes places until one is refused. */
async function fill({ queue }: ReturnType<typeof createBench>, network: string) {
  for (let places = 0; places < 5000; places += 1) {
    try {
      queue.reserve(from(network))
    } catch (error) {
      if (!(error instanceof FirstloginError) || error.code !== 'FL_OVERLOADED') throw error
      return { places, retryAfterS: error.retryAfterS }
    }
  }
  throw new Error('None was refused.')
}

t.test(
  'a client that would wait for more than three seconds is refused at once, one of a quiet network is not',
  async (t) => {
    const bench = createBench()
    await bench.succeedFrom('office')
    t.equal(bench.queue.unitMs, 10)
    // Two workers compute 600 hashes in three seconds.
    t.same(await fill(bench, 'office'), { places: 601, retryAfterS: 4 })
    const place = bench.queue.reserve(from('quiet'))
    const reply = place.verify('quiet', ours)
    await settle()
    await bench.finish(true)
    t.equal(await reply, true)
    t.doesNotThrow(
      () => bench.queue.reserve(from('office', true)),
      'nor a recognized one of the same network',
    )
    t.doesNotThrow(() => bench.queue.refuseFlood('quiet'))
  },
)

t.test(
  'under load a network without a success waits no longer than a second, one that fails all the time half of one',
  async (t) => {
    const suspect = createBench()
    t.doesNotThrow(() => suspect.queue.refuseFlood('flood'), 'there is room')
    // Until one was measured, a hash of our own counts as 15 ms; half a worker is theirs.
    t.same(await fill(suspect, 'flood'), { places: 34, retryAfterS: 2 })
    t.throws(() => suspect.queue.refuseFlood('flood'), { code: 'FL_OVERLOADED' }, 'before anything is asked')

    const noisy = createBench()
    await makeNoisy(noisy, 'flood')
    t.same(await fill(noisy, 'flood'), { places: 26, retryAfterS: 1 })
    t.throws(() => noisy.queue.refuseFlood('flood'), { code: 'FL_OVERLOADED' })
    t.doesNotThrow(() => noisy.queue.refuseFlood('quiet'))
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
    t.same(await fill(bench, 'a'), { places: 61, retryAfterS: 4 })
  },
)

t.test('a place that is given back can be taken again', async (t) => {
  const bench = createBench()
  for (let i = 0; i < 2000; i += 1) {
    const place = bench.queue.reserve(from('a'))
    place.release()
    place.release()
  }
  await bench.succeedFrom('a')
  t.same(await fill(bench, 'a'), { places: 601, retryAfterS: 4 })
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
