import { setTimeout as sleep } from 'node:timers/promises'

/** Far beyond what any condition takes on a busy machine: only a condition that never holds gets here. */
const giveUpAfterMs = 60_000

/** Resolves with the first truthy answer; throws when there is none, with the condition's source text. */
export async function until<T>(condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const giveUpAt = performance.now() + giveUpAfterMs
  for (;;) {
    const answer = await condition()
    if (answer) return answer
    if (performance.now() > giveUpAt) throw new Error(`This did not come true: ${condition}`)
    await sleep(5)
  }
}
