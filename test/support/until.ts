import { setTimeout as sleep } from 'node:timers/promises'

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>

export class NeverTrue extends Error {}

/**
 * Resolves with the first truthy answer; throws when there is none, with the condition's source text. It gives up far later
 * than any condition takes on a busy machine, and earlier than the 30 s for which sessions and tokens are remembered, so
 * that a cached answer has changed because of an invalidation.
 */
export async function until<T>(condition: () => T | Promise<T>, giveUpAfterMs = 25_000): Promise<Truthy<T>> {
  const giveUpAt = performance.now() + giveUpAfterMs
  for (;;) {
    const answer = await condition()
    if (answer) return answer as Truthy<T>
    if (performance.now() > giveUpAt) throw new NeverTrue(`This did not come true: ${condition}`)
    await sleep(5)
  }
}
