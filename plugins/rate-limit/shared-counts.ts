import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'

export interface Count {
  current: number
  /** What is left of the window, in milliseconds. */
  ttl: number
}

/** Counts that all instances share in Redis. */
export interface SharedCounts {
  /** Counts one more request in a fixed window. Undefined while Redis is away: then nothing waits for it. */
  count(key: string, windowMs: number): Promise<Count | undefined>
  close(): void
}

export interface SharedCountsOptions {
  /** A request waits this long for Redis, once: then Redis counts as away. */
  maxAnswerMs: number
  /** Called once when Redis goes, with the cause in one sentence. */
  onLost(reason: string): void
  /** Called once whenever Redis answers in time again, and at the first time. */
  onLive(isFirst: boolean): void
}

const probeEveryMs = 1000
/** A connection that is silent for this long is replaced: the other end may be gone without a word. */
const maxSilenceMs = 5000

/** Goes on connecting for as long as it takes. */
export async function createSharedCounts(url: string, options: SharedCountsOptions): Promise<SharedCounts> {
  const { maxAnswerMs, onLost, onLive } = options
  // Loaded only where it is used: it is a tenth of the service's memory.
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, {
    connectTimeout: 1000,
    socketTimeout: maxSilenceMs,
    disconnectTimeout: 500,
    retryStrategy: (tries) => Math.min(tries * 100, probeEveryMs),
    // After a failover the former primary refuses to write: the name leads to the new one.
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    // What waits for a connection would be counted in a window of its own, long after the request.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    protocol: 2,
    disableClientInfo: true,
  })
  let state: 'starting' | 'live' | 'lost' = 'starting'
  let connectionFault: string | undefined

  function lose(error?: unknown): void {
    if (state === 'lost') return
    state = 'lost'
    const fault = error instanceof Error ? describe(error) : 'the connection closed'
    onLost(redis.status === 'ready' ? fault : (connectionFault ?? fault))
  }

  async function probe(): Promise<void> {
    if (state === 'live') return
    try {
      // As requests do: a Redis without memory, or a replica, still answers a ping.
      await inTime(add(redis, 'firstlogin:probe', probeEveryMs), maxAnswerMs)
    } catch (error) {
      return lose(error)
    }
    const isFirst = state === 'starting'
    state = 'live'
    connectionFault = undefined
    onLive(isFirst)
  }

  redis.on('error', (error: Error) => void (connectionFault = describe(error)))
  redis.on('ready', () => void probe())
  redis.on('close', () => lose())
  const timer = setInterval(() => void probe(), probeEveryMs).unref()

  return {
    async count(key, windowMs) {
      if (state !== 'live') return undefined
      try {
        return await inTime(add(redis, key, windowMs), maxAnswerMs)
      } catch (error) {
        lose(error)
        return undefined
      }
    },
    close() {
      clearInterval(timer)
      redis.removeAllListeners('close')
      redis.disconnect()
    },
  }
}

/** One round trip, and no script: not every Redis allows them. */
async function add(redis: Redis, key: string, windowMs: number): Promise<Count> {
  const steps = await redis.multi().set(key, 0, 'PX', windowMs, 'NX').incr(key).pttl(key).exec()
  const fault = steps?.find(([error]) => error)?.[0]
  if (fault) throw fault
  const [current, ttl] = [Number(steps?.[1]?.[1]), Number(steps?.[2]?.[1])]
  if (!Number.isInteger(current) || !Number.isInteger(ttl)) throw new Error('Redis gave no count')
  if (ttl >= 0) return { current, ttl }
  // The key ended between two of the steps.
  await redis.pexpire(key, windowMs)
  return { current, ttl: windowMs }
}

async function inTime<T>(answer: Promise<T>, maxMs: number): Promise<T> {
  const answered = new AbortController()
  const finished = answer.finally(() => answered.abort())
  // Its rejection after the time limit must not end the process.
  finished.catch(() => {})
  return Promise.race([finished, refuseLate(maxMs, answered.signal)])
}

async function refuseLate(maxMs: number, signal: AbortSignal): Promise<never> {
  await sleep(maxMs, undefined, { signal, ref: false })
  // The answer may be there already, and this process had something else to do.
  await immediate()
  throw new Error(`no answer within ${maxMs} ms`)
}

function describe(error: Error & { previousErrors?: unknown; code?: string }): string {
  // What is refused within a transaction says why before it is refused as a whole.
  const [first] = Array.isArray(error.previousErrors) ? (error.previousErrors as unknown[]) : []
  if (first instanceof Error) return first.message
  // Where a name has several addresses, the fault of each is inside and the message empty.
  return error.message || (error.code ?? error.name)
}
