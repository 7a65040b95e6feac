import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import readThrough from '../../plugins/read-through.ts'
import { startCore } from './core.ts'
import type { World } from './service.ts'

/** The read-through alone, plugin by plugin, in a blank app. */
export async function startReadThrough(
  t: Test,
  world: World,
  options: { deadlineMs?: number; negativeTtlS?: number; recheckS?: number; enabled?: boolean } = {},
): Promise<FastifyInstance> {
  const app = await startCore(t, world, { slowMs: options.deadlineMs ?? 2000 })
  await app.register(readThrough, {
    enabled: true,
    deadlineMs: 2000,
    negativeTtlS: 60,
    recheckS: 0,
    ...options,
  })
  return app
}
