/**
 * Start-time fair queueing (Goyal, Vin and Cheng, 1996): each flow gets its share of the work, whatever it asks for.
 * The virtual time is the start tag of the last job taken. A flow that was idle starts at the virtual time, and so comes
 * before all that have a backlog.
 */
export interface FairQueue<Job extends QueuedJob> {
  /** A place in the flow's line without a job yet: it counts as one unit of backlog until `add` or `release`. */
  reserve(flow: FlowKey): void
  release(flow: FlowKey): void
  add(flow: FlowKey, job: Job): void
  /** Takes the eligible job with the smallest start tag; of equal ones that of the heavier flow, then the older one. */
  take(isEligible: (job: Job) => boolean): Job | undefined
  /** Units of work that would be taken before a job that joins this flow now. */
  workBefore(flow: FlowKey): number
  /** Units of work of all jobs that wait and of all places. */
  readonly work: number
  /** Jobs of the flow that wait, and its places. */
  sizeOf(flow: FlowKey): number
  /** Jobs that wait. */
  readonly size: number
  /** Flows that are remembered. */
  readonly flows: number
}

export interface FlowKey {
  name: string
  /** A flow of weight 4 gets four times the share of one of weight 1. */
  weight: number
}

export interface QueuedJob {
  /** Units of work. */
  cost: number
}

interface Flow<Job> {
  weight: number
  /** The virtual time at which the flow has got what it asked for. */
  finish: number
  reserved: number
  jobs: { job: Job; start: number; order: number }[]
}

export function createFairQueue<Job extends QueuedJob>(): FairQueue<Job> {
  const flows = new Map<string, Flow<Job>>()
  let now = 0
  let added = 0
  let waiting = 0
  // Asked for with every job that may be next: too often for a sum over all flows.
  let work = 0

  function getFlow({ name, weight }: FlowKey): Flow<Job> {
    const flow = flows.get(name) ?? { weight, finish: now, reserved: 0, jobs: [] }
    flows.set(name, flow)
    return flow
  }

  /** A flow that has had no more than its share is as good as a new one. When no job waits, that is each of them. */
  function forgetIdle(): void {
    if (waiting === 0) for (const { finish } of flows.values()) now = Math.max(now, finish)
    for (const [name, flow] of flows)
      if (flow.jobs.length === 0 && flow.reserved === 0 && flow.finish <= now) flows.delete(name)
  }

  function release({ name }: FlowKey): void {
    const flow = flows.get(name)
    if (flow && flow.reserved > 0) {
      flow.reserved -= 1
      work -= 1
    }
    if (waiting === 0) forgetIdle()
  }

  return {
    reserve(key) {
      getFlow(key).reserved += 1
      work += 1
    },
    release,
    add(key, job) {
      const flow = getFlow(key)
      const start = Math.max(now, flow.finish)
      flow.finish = start + job.cost / flow.weight
      flow.jobs.push({ job, start, order: added++ })
      waiting += 1
      work += job.cost
    },
    take(isEligible) {
      let best: { flow: Flow<Job>; index: number; start: number; order: number } | undefined
      for (const flow of flows.values()) {
        const index = flow.jobs.findIndex(({ job }) => isEligible(job))
        const candidate = flow.jobs[index]
        if (!candidate) continue
        const { start, order } = candidate
        const isBetter =
          !best ||
          start < best.start ||
          (start === best.start &&
            (flow.weight > best.flow.weight || (flow.weight === best.flow.weight && order < best.order)))
        if (isBetter) best = { flow, index, start, order }
      }
      if (!best) return undefined
      const [taken] = best.flow.jobs.splice(best.index, 1)
      now = Math.max(now, best.start)
      waiting -= 1
      work -= taken?.job.cost ?? 0
      forgetIdle()
      return taken?.job
    },
    workBefore(key) {
      const own = flows.get(key.name)
      const start = Math.max(now, own?.finish ?? now) + (own?.reserved ?? 0) / key.weight
      let work = 0
      for (const { finish, reserved, jobs, weight } of flows.values()) {
        const begin = jobs[0]?.start ?? Math.max(now, finish)
        const backlog = Math.max(0, finish - begin) + reserved / weight
        work += Math.min(backlog, Math.max(0, start - begin)) * weight
      }
      return work
    },
    sizeOf({ name }) {
      const flow = flows.get(name)
      return flow ? flow.jobs.length + flow.reserved : 0
    },
    get work() {
      return work
    },
    get size() {
      return waiting
    },
    get flows() {
      return flows.size
    },
  }
}
