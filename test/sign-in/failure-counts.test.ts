import t from 'tap'
import { createFailureCounts } from '../../sign-in/failure-counts.ts'

t.test('a network with twenty failures within a moment is noisy, until they have faded', async (t) => {
  let now = 0
  const failures = createFailureCounts({ clock: () => now })
  for (let i = 0; i < 19; i += 1) failures.add('a')
  t.equal(failures.isNoisy('a'), false)
  failures.add('a')
  t.equal(failures.isNoisy('a'), true)
  t.equal(failures.isNoisy('b'), false, 'others are not')
  now = 60_000
  t.equal(failures.isNoisy('a'), false, 'half of them count after a minute')
  for (let i = 0; i < 10; i += 1) failures.add('a')
  t.equal(failures.isNoisy('a'), true)
})

t.test('a network that now and then mistypes a password is never noisy', async (t) => {
  let now = 0
  const failures = createFailureCounts({ clock: () => now })
  for (let i = 0; i < 1000; i += 1) {
    now += 10_000
    failures.add('office')
    if (failures.isNoisy('office')) return t.fail(`noisy after ${i} failures`)
  }
  return t.pass()
})

t.test('only so many networks are remembered, and one that goes on failing is not forgotten', async (t) => {
  const failures = createFailureCounts({ limit: 5, maxNetworks: 100, clock: () => 0 })
  for (let i = 0; i < 5; i += 1) failures.add('attacker')
  for (let i = 0; i < 1000; i += 1) {
    failures.add(`other ${i}`)
    if (i % 50 === 0) failures.add('attacker')
  }
  t.equal(failures.isNoisy('attacker'), true)
  t.equal(failures.isNoisy('other 0'), false)
})

t.test(
  'a network is suspect with two attempts that failed or wait, unless one has succeeded within a minute',
  async (t) => {
    let now = 0
    const failures = createFailureCounts({ clock: () => now })
    t.equal(failures.isSuspect('a', 1), false)
    t.equal(failures.isSuspect('a', 2), true)
    failures.add('a')
    t.equal(failures.isSuspect('a', 0), false)
    t.equal(failures.isSuspect('a', 1), true)
    failures.succeed('a')
    t.equal(failures.isSuspect('a', 50), false)
    now = 60_001
    t.equal(failures.isSuspect('a', 50), true)
  },
)
