// Somebody else's app with a route that needs to know who asks.
import Fastify, { LogController } from 'fastify'
import { loadConfig } from '../config.ts'
import db from '../plugins/db.ts'
import http from '../plugins/http.ts'
import identity from '../plugins/identity.ts'
import metrics from '../plugins/metrics.ts'
import notices from '../plugins/notices.ts'
import provisioner from '../plugins/provisioner.ts'
import upstreams from '../plugins/upstreams.ts'
import { tellReady } from './child.ts'

const config = loadConfig(process.env)
// Requests are not logged, as the floor logs none; what firstlogin itself says is.
const app = Fastify({
  logger: { level: 'info' },
  logController: new LogController({ disableRequestLogging: true }),
})
await app.register(db, { database: config.DATABASE_URL })
await app.register(notices)
await app.register(metrics)
await app.register(http)
await app.register(provisioner)
await app.register(upstreams, { upstreams: config.upstreams })
await app.register(identity)
app.get('/ids', { preHandler: app.identity.requireOrganization }, async function ids(request) {
  return app.identity.idsOf(request)
})
tellReady(await app.listen({ host: '127.0.0.1', port: 0 }))
