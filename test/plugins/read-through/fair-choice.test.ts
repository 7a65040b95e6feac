import t from 'tap'
import { chooseFairly } from '../../../plugins/read-through/fair-choice.ts'

const entriesOf = (network: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ network, index }))

t.test('a flood from 40 networks does not keep a new user of a quiet one out of the call', async (t) => {
  const flood = Array.from({ length: 40 }, (_, index) => entriesOf(`flood ${index}`, 50)).flat()
  const chosen = chooseFairly([...flood, ...entriesOf('quiet', 1)], 90)
  t.equal(chosen.length, 90)
  t.same(chosen[0], { network: 'quiet', index: 0 })
  const counts = new Map<string, number>()
  for (const { network } of chosen) counts.set(network, (counts.get(network) ?? 0) + 1)
  t.equal(counts.size, 41, 'every network has its turn')
  t.ok(Math.max(...counts.values()) <= 3)
})

t.test('what fits is taken as it came, and a network that is alone fills the call', async (t) => {
  const few = [...entriesOf('a', 2), ...entriesOf('b', 1)]
  t.same(chooseFairly(few, 3), few)
  t.same(chooseFairly(entriesOf('a', 5), 3), entriesOf('a', 3))
})
