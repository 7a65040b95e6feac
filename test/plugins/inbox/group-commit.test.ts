import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { createGroupCommit } from '../../../plugins/inbox/group-commit.ts'

function observe(options: { largest: number; atOnce: number }) {
  const groups: number[][] = []
  const state = { underWay: 0, most: 0 }
  const join = createGroupCommit<number, string>({
    ...options,
    async commit(items) {
      groups.push(items)
      state.underWay += 1
      state.most = Math.max(state.most, state.underWay)
      await nextTurn()
      state.underWay -= 1
      if (items.includes(-1)) throw new Error('all of them')
      return items.map((item) => (item % 10 === 7 ? new Error(`${item} alone`) : `${item} done`))
    },
  })
  return { join, groups, state }
}

t.test(
  'whoever comes while a group is under way shares the next one, and each has its own answer',
  async (t) => {
    const { join, groups, state } = observe({ largest: 100, atOnce: 2 })
    const items = Array.from({ length: 250 }, (_, index) => index)
    const answers = await Promise.allSettled(items.map((item) => join(item)))
    for (const [item, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') t.equal(answer.value, `${item} done`)
      else t.match(answer.reason, { message: `${item} alone` })
      t.equal(answer.status === 'rejected', item % 10 === 7)
    }
    t.same(
      groups.flat().sort((a, b) => a - b),
      items,
      'each item is committed once',
    )
    t.ok(groups.length <= 4 && groups.every(({ length }) => length <= 100), `${groups.length} groups`)
    t.equal(state.most, 2)
  },
)

t.test('what commit throws goes to all of its group and to nobody else; the next goes on', async (t) => {
  const { join, groups } = observe({ largest: 2, atOnce: 1 })
  const answers = await Promise.allSettled([1, -1, 2, 3].map((item) => join(item)))
  t.same(
    answers.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled', 'fulfilled'],
  )
  t.equal(await join(4), '4 done')
  t.same(groups, [[1, -1], [2, 3], [4]])
})

t.test('one item alone waits for no timer', async (t) => {
  const { join, groups } = observe({ largest: 10, atOnce: 2 })
  t.equal(await join(1), '1 done')
  t.equal(await join(2), '2 done')
  t.same(groups, [[1], [2]])
})
