import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import { loadConfig } from '../../config.ts'
import db from '../../plugins/db.ts'
import http from '../../plugins/http.ts'
import metrics from '../../plugins/metrics.ts'
import notices from '../../plugins/notices.ts'
import provisioner from '../../plugins/provisioner.ts'
import upstreams from '../../plugins/upstreams.ts'
import type { World } from './service.ts'

/** A blank app that can ask upstreams and write people, for a test to register more. */
export async function startCore(
  t: Test,
  world: World,
  { slowMs = 2000, ...options }: FastifyServerOptions & { slowMs?: number } = {},
): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(options)
  t.teardown(() => app.close())
  await app.register(db, { database: world.url })
  await app.register(notices)
  await app.register(metrics)
  await app.register(http)
  await app.register(provisioner)
  await app.register(upstreams, { upstreams: loadConfig(world.env()).upstreams, slowMs })
  return app
}
