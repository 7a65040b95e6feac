import { availableParallelism } from 'node:os'
import { type Clock, monotonicClock } from '../domain/clock.ts'
import { costToVerify, hashPassword, verifyPassword } from '../domain/password.ts'
import { FirstloginError } from '../errors.ts'
import { createFailureCounts, type FailureCounts } from './failure-counts.ts'
import { createFairQueue, type FlowKey } from './fair-queue.ts'
import { createPaceMeter } from './pace-meter.ts'

/** Who waits for a hash. */
export interface HashClient {
  network: string
  /** This client has logged in to this account before: it does not wait behind others of its network. */
  isRecognized: boolean
}

/** A place in the line. `verify` or `release` gives it up. */
export interface HashPlace {
  /** Never refused. Without a usable hash the answer is false, at the cost of one hash of our own. */
  verify(password: string, hash: string | null): Promise<boolean>
  release(): void
  /** The client's network shares a small part of the workers with others that only fail. */
  readonly isHeldBack: boolean
}

/** Computes password hashes off the event loop, fair by client network and by cost. */
export interface HashQueue {
  /**
   * Throws FL_OVERLOADED for a network that fails all the time, where `reserve` would refuse its unrecognized clients: most
   * attempts of a flood end here, before they cost a statement.
   */
  refuseFlood(network: string): void
  /** Throws FL_OVERLOADED when this client would wait longer than `maxWaitMs`. */
  reserve(client: HashClient): HashPlace
  /** `reserve` and `verify` in one. */
  verify(password: string, hash: string | null, client: HashClient): Promise<boolean>
  /** Throws FL_OVERLOADED as `reserve` does. */
  hash(password: string, client: HashClient): Promise<string>
  /** What one hash of our own takes here and now, waiting not included: nine of the last ten took no longer. Milliseconds. */
  readonly unitMs: number
}

export interface HashQueueOptions {
  /** Hashes that run at once. Default: one on each core; more would not be faster, and each takes its memory. */
  workers?: number
  /** Default 3,000. */
  maxWaitMs?: number
  /** From this wait on, suspect networks are held back. Default 100. */
  crowdedMs?: number
  failures?: FailureCounts
  clock?: Clock
  /** What computes. */
  compute?: { verify: typeof verifyPassword; hash: typeof hashPassword }
}

interface Job {
  cost: number
  client: HashClient
  run: () => Promise<void>
}

/** Hashes that cost more than this, in units of our own, never occupy all workers. */
const cheapUpTo = 4
const recognizedWeight = 4
/** All noisy networks together get this share of the workers. */
const noisyShare = 0.25
/** Clients of suspect and of noisy networks wait no longer than this part of what others may wait. */
const suspectWaitShare = 1 / 3
const noisyWaitShare = 1 / 6

export function createHashQueue(options: HashQueueOptions = {}): HashQueue {
  const {
    workers = availableParallelism(),
    maxWaitMs = 3000,
    crowdedMs = 100,
    clock = monotonicClock,
  } = options
  const compute = options.compute ?? { verify: verifyPassword, hash: hashPassword }
  const failures = options.failures ?? createFailureCounts({ clock: () => clock.now() })
  const pace = createPaceMeter()
  const queue = createFairQueue<Job>()
  const running = new Set<Job>()
  /** Where there is one worker alone, it does everything. */
  const maxCostly = Math.max(1, workers - 1)
  const noisyCapacity = workers * noisyShare
  const maxNoisy = Math.max(1, Math.floor(noisyCapacity))
  let isNoisyPaused = false

  const isCrowded = () => (queue.work * pace.unitMs) / workers > crowdedMs
  const isSuspect = (client: HashClient) =>
    isCrowded() && failures.isSuspect(client.network, queue.sizeOf(toFlow(client)))
  const isNoisy = (client: HashClient) =>
    !client.isRecognized && (failures.isNoisy(client.network) || isSuspect(client))
  const isCostly = ({ cost }: Job) => cost > cheapUpTo
  const count = (isOne: (job: Job) => boolean) => [...running].filter(isOne).length

  function pump(): void {
    while (running.size < workers) {
      const isNoisyFull = isNoisyPaused || count(({ client }) => isNoisy(client)) >= maxNoisy
      const isCostlyFull = count(isCostly) >= maxCostly
      const job = queue.take(
        (candidate) => !(isCostlyFull && isCostly(candidate)) && !(isNoisyFull && isNoisy(candidate.client)),
      )
      if (!job) return
      void start(job)
    }
  }

  async function start(job: Job): Promise<void> {
    running.add(job)
    const startedAt = clock.now()
    await job.run()
    running.delete(job)
    if (isNoisy(job.client)) pauseNoisy(clock.now() - startedAt)
    pump()
  }

  /** Where the share of noisy networks is less than one worker, it stands still for the rest of the time. */
  function pauseNoisy(workedMs: number): void {
    if (noisyCapacity >= 1) return
    isNoisyPaused = true
    clock.after(workedMs / noisyCapacity - workedMs, () => {
      isNoisyPaused = false
      pump()
    })
  }

  function add<T>(client: HashClient, cost: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      async function run(): Promise<void> {
        const startedAt = clock.now()
        try {
          const result = await work()
          if (cost === 1) pace.add(clock.now() - startedAt)
          resolve(result)
        } catch (error) {
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- It is what was thrown.
          reject(error)
        }
      }
      queue.add(toFlow(client), { cost, client, run })
      pump()
    })
  }

  function estimateWaitMs(client: HashClient): number {
    const work = queue.workBefore(toFlow(client)) + [...running].reduce((sum, { cost }) => sum + cost, 0) / 2
    return (work * pace.unitMs) / (isNoisy(client) ? noisyCapacity : workers)
  }

  function maxWaitOf(client: HashClient): number {
    if (!isNoisy(client)) return maxWaitMs
    return maxWaitMs * (failures.isNoisy(client.network) ? noisyWaitShare : suspectWaitShare)
  }

  function refuseOverload(client: HashClient): void {
    const waitMs = estimateWaitMs(client)
    if (waitMs <= maxWaitOf(client)) return
    // A network that goes on regardless does not become quiet by being refused.
    if (isNoisy(client)) failures.add(client.network)
    throw new FirstloginError('FL_OVERLOADED', { retryAfterS: Math.min(30, Math.ceil(waitMs / 1000)) })
  }

  function reserve(client: HashClient): HashPlace {
    refuseOverload(client)
    const flow = toFlow(client)
    const isHeldBack = isNoisy(client)
    let isHeld = true
    queue.reserve(flow)

    function release(): void {
      if (isHeld) queue.release(flow)
      isHeld = false
    }

    async function verify(password: string, hash: string | null): Promise<boolean> {
      release()
      const isRight = await add(client, costToVerify(password, hash), () => compute.verify(password, hash))
      if (isRight) failures.succeed(client.network)
      else failures.add(client.network)
      return isRight
    }

    return { verify, release, isHeldBack }
  }

  return {
    refuseFlood(network) {
      const client = { network, isRecognized: false }
      if (isNoisy(client)) refuseOverload(client)
    },
    reserve,
    verify: async (password, hash, client) => reserve(client).verify(password, hash),
    async hash(password, client) {
      refuseOverload(client)
      return add(client, 1, () => compute.hash(password))
    },
    get unitMs() {
      return pace.unitMs
    },
  }
}

/** A recognized client has a line of its own: the backlog of a neighbor on its network is not its backlog. */
function toFlow({ network, isRecognized }: HashClient): FlowKey {
  return isRecognized
    ? { name: `recognized ${network}`, weight: recognizedWeight }
    : { name: network, weight: 1 }
}
