import { setTimeout as sleep } from 'node:timers/promises'
import { FirstloginError } from '../../errors.ts'

export interface Patience {
  patienceMs: number
  signal: AbortSignal | undefined
  onWait: () => void
}

const longestPauseMs = 60_000

/** Upstream may be away for a while in the middle of a long walk; few calls are spent on finding out. */
export async function patiently<T>(ask: () => Promise<T>, patience: Patience): Promise<T> {
  const { patienceMs, signal, onWait } = patience
  const giveUpAt = Date.now() + patienceMs
  for (let pauseMs = 1000; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await unlessAborted(ask, signal)
    } catch (error) {
      const isPassing = error instanceof FirstloginError && error.code === 'FL_UPSTREAM_UNAVAILABLE'
      if (!isPassing || Date.now() >= giveUpAt) throw error
      onWait()
      await sleep(Math.max(pauseMs, (error.retryAfterS ?? 1) * 1000), undefined, signal && { signal })
    }
  }
}

/** Does not wait for an answer that nobody will use. */
async function unlessAborted<T>(ask: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- The reason is whatever the caller gave.
    const giveUp = () => reject(signal?.reason)
    signal?.addEventListener('abort', giveUp, { once: true })
    ask()
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener('abort', giveUp))
  })
}
