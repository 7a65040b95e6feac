import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds. */
export async function time(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await act()
  return performance.now() - started
}

/** A moment of `performance.now()`; over at once if it has passed. */
export async function sleepUntil(moment: number): Promise<void> {
  await sleep(Math.max(0, moment - performance.now()))
}
