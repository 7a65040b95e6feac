import { createSharedCounts } from '../../plugins/rate-limit/shared-counts.ts'
import { type Check, fail, ok } from './check.ts'

/** Counts once, as a login does. */
export async function checkRedis(url: string): Promise<Check> {
  const { host } = new URL(url)
  let close = () => {}
  const outcome = new Promise<string | undefined>((resolve, reject) => {
    createSharedCounts(url, { maxAnswerMs: 1000, onLost: resolve, onLive: () => resolve(undefined) }).then(
      (counts) => (close = counts.close),
      reject,
    )
  })
  const reason = await outcome
  close()
  if (reason === undefined) return ok('redis', `${host} counts`)
  const next = /NOAUTH|WRONGPASS|invalid.*password/i.test(reason)
    ? 'correct the password in the address'
    : /OOM/.test(reason)
      ? 'give it more memory, or a policy that evicts keys'
      : 'start it, or correct the address'
  return fail(
    'redis',
    `REDIS_URL (${host}) does not count (${reason}): limits are per instance until it does; ${next}`,
  )
}
