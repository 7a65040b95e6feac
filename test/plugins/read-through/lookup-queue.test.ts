import t from 'tap'
import type { UserUpserted } from '../../../domain/change.ts'
import { canonicalEmail } from '../../../domain/email.ts'
import { createMemoryGate } from '../../../domain/gate.ts'
import { createLookupQueue, type Ended } from '../../../plugins/read-through/lookup-queue.ts'
import type { Question } from '../../../upstreams/upstream.ts'
import { createTestClock } from '../../support/clocks.ts'

const keyOf = (name: string) => ({ email: canonicalEmail(`${name}@example.com`) })
const turn = () => new Promise(setImmediate)

/** Lets everything happen that waits for no timer. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await turn()
}

/** A queue before an upstream that answers when the test says so, by a clock that stands still. */
function open({ batchSize = 90, turn: untilTurn = async () => {} } = {}) {
  const clock = createTestClock()
  const gate = createMemoryGate({ calls: 4, windowMs: 1250, pauseMs: 1000 }, clock.now)
  const calls: {
    question: Question
    answer: (found?: UserUpserted[]) => void
    fail: (error: Error) => void
  }[] = []
  const written: UserUpserted[][] = []
  const returned: number[] = []
  const queue = createLookupQueue({
    lookup: {
      batchSize,
      async find(take) {
        await untilTurn()
        const question = await take(await gate.enter(0))
        if (!question) return []
        return new Promise<UserUpserted[]>((resolve, reject) => {
          calls.push({ question, answer: (found = []) => resolve(found), fail: reject })
        })
      },
    },
    deadlineMs: 2000,
    spacingMs: 312.5,
    settle: async (found) => void written.push(found),
    async returnPermit(pass) {
      returned.push(pass.startAt)
      await gate.returnPermit(pass)
    },
    onLate() {},
    clock,
    random: () => 0,
  })
  const join = (name: string, needs: boolean | Promise<boolean>, network?: string) => {
    const ticket = queue.join(keyOf(name), {
      needsAnswer: Promise.resolve(needs),
      ...(network !== undefined && { network }),
    })
    return { ...ticket, ended: undefined as Ended | undefined }
  }
  /** Joins, and waits for the end as a failed login does. */
  const ask = (name: string, needs: boolean | Promise<boolean>, network?: string) => {
    const ticket = join(name, needs, network)
    const asked = { ended: undefined as Ended | undefined }
    void ticket.wait().then((ended) => (asked.ended = ended))
    return asked
  }
  /** One real call of so many milliseconds. */
  async function call(tookMs: number): Promise<void> {
    ask(`measured${calls.length}`, true)
    await settled()
    clock.moveTo(clock.now() + tookMs)
    calls.at(-1)?.answer()
    await settled()
  }
  return { clock, gate, calls, written, returned, join, ask, call, queue }
}

t.test(
  'a real entry and simulated ones of the same moment share one call, its addresses and its end',
  async (t) => {
    const { clock, calls, ask } = open()
    const [known, unknown, other] = [ask('known', false), ask('unknown', true), ask('other', true)]
    await settled()
    t.equal(calls.length, 1)
    t.equal(calls[0]?.question.emails.length, 3, 'the call is the same as for three unknown addresses')
    const start = clock.now()
    clock.moveTo(start + 120)
    calls[0]?.answer()
    await settled()
    for (const { ended } of [known, unknown, other]) t.same(ended, { at: start + 120, wasAsked: true })
  },
)

t.test('simulated entries alone end when one of the last calls would have, without a call', async (t) => {
  const { clock, calls, ask, call, returned } = open()
  await call(120)
  const start = clock.now()
  const known = ask('known', false)
  await settled()
  t.equal(known.ended, undefined)
  clock.moveTo(start + 119)
  await settled()
  t.equal(known.ended, undefined)
  clock.moveTo(start + 120)
  await settled()
  t.same(known.ended, { at: start + 120, wasAsked: false })
  t.equal(calls.length, 1)
  t.same(returned, [], 'and keep their permit, as a call would')
})

t.test(
  'what decides whether an entry is real is waited for with the turn taken, for all of the call',
  async (t) => {
    const { calls, ask } = open()
    let decide = (_needs: boolean) => {}
    ask('slow', new Promise<boolean>((resolve) => (decide = resolve)))
    ask('quick', true)
    await settled()
    t.equal(calls.length, 0)
    decide(false)
    await settled()
    t.same(calls[0]?.question.emails, ['slow@example.com', 'quick@example.com'])
  },
)

t.test('a right password leaves: the entry ends, and its permit is given back', async (t) => {
  const { clock, gate, calls, join, call, returned } = open()
  await call(120)
  clock.moveTo(clock.now() + 5000)
  for (let logins = 0; logins < 20; logins += 1) {
    const ticket = join(`known${logins}`, false)
    await settled()
    ticket.leave()
    await settled()
  }
  t.equal(returned.length, 20)
  t.equal(calls.length, 1, 'successful logins make no call')
  for (let left = 0; left < 4; left += 1)
    t.match(await gate.enter(0), { waitMs: 0 }, 'nor do they use up the budget')
})

t.test(
  'a permit is given back also when the call would have been over before the password was checked',
  async (t) => {
    const { clock, join, call, returned } = open()
    await call(1)
    const start = clock.now()
    const success = join('known', false)
    const failure = join('other', false)
    await settled()
    clock.moveTo(start + 30)
    success.leave()
    await settled()
    let ended: Ended | undefined
    void failure.wait().then((how) => (ended = how))
    await settled()
    t.same(
      ended,
      { at: start + 1, wasAsked: false },
      'a failure counts from the end of the call all the same',
    )
    t.same(returned, [])
    const other = join('third', false)
    await settled()
    clock.moveTo(start + 60)
    other.leave()
    await settled()
    t.equal(returned.length, 1)
  },
)

t.test('a permit is kept while one of its callers still waits', async (t) => {
  const { clock, join, ask, call, returned } = open()
  await call(120)
  const start = clock.now()
  const success = join('known', false)
  const failure = ask('other', false)
  await settled()
  success.leave()
  await settled()
  t.same(returned, [])
  clock.moveTo(start + 120)
  await settled()
  t.match(failure.ended, { at: start + 120 })
  t.same(returned, [])
})

t.test(
  'where no call was measured, a simulated entry makes one only once its login has failed',
  async (t) => {
    const { clock, calls, join, returned } = open()
    const success = join('known', false)
    await settled()
    success.leave()
    await settled()
    t.same([calls.length, returned.length], [0, 1])

    const failure = join('other', false)
    await settled()
    t.equal(calls.length, 0)
    const decidedAt = clock.now()
    clock.moveTo(decidedAt + 300)
    let ended: Ended | undefined
    void failure.wait().then((how) => (ended = how))
    await settled()
    t.equal(calls.length, 1)
    clock.moveTo(decidedAt + 300 + 80)
    calls[0]?.answer()
    await settled()
    t.match(ended, { at: decidedAt + 80 }, 'it ends as if the call had begun before the hash was checked')
  },
)

t.test('the same holds where the last call is too long ago to say how long one takes', async (t) => {
  const { clock, calls, ask, call } = open()
  await call(120)
  clock.moveTo(clock.now() + 600_001)
  ask('known', false)
  await settled()
  t.equal(calls.length, 2)
})

t.test(
  'a fault ends real and simulated entries alike, and then all are asked for until one call succeeds',
  async (t) => {
    const { clock, calls, ask, call } = open()
    await call(120)
    const [known, unknown] = [ask('known', false), ask('unknown', true)]
    await settled()
    const start = clock.now()
    clock.moveTo(start + 70)
    calls[1]?.fail(new Error('down'))
    await settled()
    t.match(known.ended, { at: start + 70, fault: { message: 'down' } })
    t.match(unknown.ended, { at: start + 70, fault: { message: 'down' } })
    ask('known', false)
    await settled()
    t.equal(calls.length, 3)
  },
)

t.test('no caller waits longer than the deadline, and what arrives later is still written', async (t) => {
  const { clock, calls, written, ask } = open()
  const start = clock.now()
  const [known, unknown] = [ask('known', false), ask('unknown', true)]
  await settled()
  clock.moveTo(start + 2000)
  await settled()
  for (const { ended } of [known, unknown])
    t.match(ended, { at: start + 2000, fault: { code: 'FL_UPSTREAM_UNAVAILABLE' } })
  calls[0]?.answer()
  await settled()
  t.equal(written.length, 1)
})

t.test('an entry takes the same place in a call, whether it is real or simulated', async (t) => {
  for (const needs of [true, false]) {
    const { calls, ask } = open({ batchSize: 2 })
    ask('target', needs)
    ask('first', true)
    ask('second', true)
    await settled()
    t.same(
      calls.map(({ question }) => question.emails),
      [['target@example.com', 'first@example.com'], ['second@example.com']],
    )
  }
})

t.test('of a flood the entries of quiet networks come first', async (t) => {
  const { calls, ask } = open({ batchSize: 3 })
  for (let index = 0; index < 9; index += 1) ask(`flood${index}`, true, `network ${index % 3}`)
  ask('new', true, 'quiet')
  await settled()
  t.equal(calls[0]?.question.emails[0], 'new@example.com')
})

t.test('one address is asked for once, however many wait for it', async (t) => {
  const { calls, ask } = open()
  const first = ask('one', true)
  await settled()
  const second = ask('one', true)
  await settled()
  t.equal(calls.length, 1)
  calls[0]?.answer()
  await settled()
  t.ok(first.ended && second.ended)
})

t.test('once callers had to wait for the budget, calls are spaced until the queue is empty', async (t) => {
  let begin = () => {}
  const { clock, calls, ask } = open({ turn: () => new Promise<void>((resolve) => (begin = resolve)) })
  ask('first', true)
  await settled()
  clock.moveTo(clock.now() + 400)
  begin()
  await settled()
  ask('second', true)
  await settled()
  begin()
  await settled()
  t.equal(calls.length, 1)
  clock.moveTo(clock.now() + 312.5)
  await settled()
  begin()
  await settled()
  t.equal(calls.length, 2)
})
