import Fastify, { type FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import db from '../plugins/db.ts'
import feeds from '../plugins/feeds.ts'
import http from '../plugins/http.ts'
import inbox from '../plugins/inbox.ts'
import jobs from '../plugins/jobs.ts'
import metrics from '../plugins/metrics.ts'
import notices from '../plugins/notices.ts'
import provisioner from '../plugins/provisioner.ts'
import reconcile from '../plugins/reconcile.ts'
import upstreams from '../plugins/upstreams.ts'

/** The parts of the service that a chore needs, without a server; the caller closes it. */
export async function connect(config: Config): Promise<FastifyInstance> {
  const app = Fastify({ logger: false })
  await app.register(db, { database: config.DATABASE_URL, poolSize: 4 })
  await app.register(notices)
  await app.register(metrics)
  await app.register(http)
  const { DEFAULT_ORGANIZATION: defaultOrganization } = config
  await app.register(provisioner, {
    ownership: config.ownership,
    rekeyWindowMs: config.REKEY_WINDOW_S * 1000,
    // Only the service ends that there is one: a command may run without the setting.
    ...(defaultOrganization !== undefined && { defaultOrganization }),
  })
  await app.register(upstreams, { upstreams: config.upstreams, slowMs: config.READTHROUGH_DEADLINE_MS })
  await app.register(inbox)
  await app.register(jobs)
  await app.register(reconcile)
  await app.register(feeds, { secret: config.FIRSTLOGIN_SECRET, url: `${config.BASE_URL}/api/sync` })
  await app.ready()
  return app
}
