import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** Instances that are replaced one after the other while requests run, as a rolling deployment does it. */
export interface Rolling {
  /** Runs a request on one of the instances that serve now. */
  use<T>(request: (app: FastifyInstance) => Promise<T>): Promise<T>
  /** Both the new instance and those before it serve until requests have gone on for a while; then it serves alone. */
  replace(app: FastifyInstance): Promise<void>
  /** Waits for this many more requests. */
  go(requests: number): Promise<void>
}

export function createRolling(first: FastifyInstance): Rolling {
  let serving = [first]
  let turn = 0
  let done = 0
  const underWay = new Map<FastifyInstance, number>()
  const count = (app: FastifyInstance, step: number) => underWay.set(app, (underWay.get(app) ?? 0) + step)

  async function go(requests: number): Promise<void> {
    for (const until = done + requests; done < until; ) await sleep(5)
  }

  return {
    go,
    async use(request) {
      const app = serving[(turn += 1) % serving.length] as FastifyInstance
      count(app, 1)
      try {
        return await request(app)
      } finally {
        count(app, -1)
        done += 1
      }
    },
    async replace(app) {
      const old = serving
      serving = [...old, app]
      await go(10)
      serving = [app]
      while (old.some((one) => (underWay.get(one) ?? 0) > 0)) await sleep(5)
      await Promise.all(old.map((one) => one.close()))
      await go(10)
    },
  }
}
