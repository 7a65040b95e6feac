import t from 'tap'
import { createLines } from '../../sign-in/lines.ts'

/** Enters as many as are named, and notes who has started. */
function crowd(lines: ReturnType<typeof createLines>, networks: string[]) {
  const started: string[] = []
  const leaves: (() => void)[] = []
  async function enter(network: string, index: number) {
    leaves[index] = await lines.enter('ada', network)
    started.push(`${network}${index}`)
  }
  for (const [index, network] of networks.entries()) void enter(network, index)
  return { started, leave: (index: number) => leaves[index]?.() }
}

const turn = () => new Promise(setImmediate)

t.test('attempts on one account start one after the other, those on others at once', async (t) => {
  const lines = createLines()
  const { started, leave } = crowd(lines, ['a', 'a', 'a'])
  await turn()
  t.same(started, ['a0'])
  ;(await lines.enter('grace', 'a'))()
  leave(0)
  leave(0)
  await turn()
  t.same(started, ['a0', 'a1'], 'an answer ends one turn only')
  leave(1)
  await turn()
  t.same(started, ['a0', 'a1', 'a2'])
  leave(2)
  t.ok(await lines.enter('ada', 'a'), 'the line is empty')
})

t.test('the network that was served longest ago is next', async (t) => {
  const lines = createLines()
  const { started, leave } = crowd(lines, ['a', 'a', 'a', 'b', 'b', 'c'])
  for (const index of [0, 3, 5, 1, 4, 2]) {
    await turn()
    leave(index)
  }
  t.same(started, ['a0', 'b3', 'c5', 'a1', 'b4', 'a2'])
})

t.test('a line of a thousand is full', async (t) => {
  const lines = createLines()
  crowd(
    lines,
    Array.from({ length: 1001 }, () => 'a'),
  )
  await t.rejects(lines.enter('ada', 'b'), { code: 'FL_OVERLOADED' })
  t.ok(await lines.enter('grace', 'b'))
})
