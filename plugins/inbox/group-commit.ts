import { setImmediate as nextTurn } from 'node:timers/promises'

export interface GroupCommitOptions<Item, Result> {
  /** Answers each item in its place; what it throws goes to all of them. */
  commit: (items: Item[]) => Promise<(Result | Error)[]>
  /** Of one group. */
  largest: number
  /** Groups under way at the same time. */
  atOnce: number
}

interface Waiting<Item, Result> {
  item: Item
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Those who come while a group is under way share the next one: nobody waits for a timer, and the busier it gets,
 * the more share. Resolves to the item's own result, or throws its own error.
 */
export function createGroupCommit<Item, Result>({
  commit,
  largest,
  atOnce,
}: GroupCommitOptions<Item, Result>): (item: Item) => Promise<Result> {
  const waiting: Waiting<Item, Result>[] = []
  let underWay = 0

  async function work(): Promise<void> {
    underWay += 1
    // Whoever arrives in the same moment shares the first group.
    await nextTurn()
    while (waiting.length > 0) await settle(waiting.splice(0, largest))
    underWay -= 1
  }

  async function settle(group: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await commit(group.map(({ item }) => item))
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = results[index]
        if (result === undefined || result instanceof Error) reject(result)
        else resolve(result)
      }
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (underWay < atOnce) void work()
    })
}
