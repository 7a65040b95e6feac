import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { loadConfig } from '../../config.ts'
import db from '../../plugins/db.ts'
import http from '../../plugins/http.ts'
import metrics from '../../plugins/metrics.ts'
import notices from '../../plugins/notices.ts'
import provisioner from '../../plugins/provisioner.ts'
import readThrough from '../../plugins/read-through.ts'
import upstreams from '../../plugins/upstreams.ts'
import type { World } from './service.ts'

/** The read-through alone, plugin by plugin, in a blank app. */
export async function startReadThrough(
  t: Test,
  world: World,
  options: { deadlineMs?: number; negativeTtlS?: number; recheckS?: number; enabled?: boolean } = {},
): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(db, { database: world.url })
  await app.register(notices)
  await app.register(metrics)
  await app.register(http)
  await app.register(provisioner)
  await app.register(upstreams, {
    upstreams: loadConfig(world.env()).upstreams,
    slowMs: options.deadlineMs ?? 2000,
  })
  await app.register(readThrough, {
    enabled: true,
    deadlineMs: 2000,
    negativeTtlS: 60,
    recheckS: 0,
    ...options,
  })
  return app
}
