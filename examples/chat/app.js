import db from 'firstlogin/plugins/db'
import http from 'firstlogin/plugins/http'
import identity from 'firstlogin/plugins/identity'
import metrics from 'firstlogin/plugins/metrics'
import notices from 'firstlogin/plugins/notices'
import problems from 'firstlogin/plugins/problems'
import provisioner from 'firstlogin/plugins/provisioner'
import tenancy from 'firstlogin/plugins/tenancy'
import upstreams from 'firstlogin/plugins/upstreams'
import { chatRoutes } from './routes.js'
import { createTables } from './tables.js'

/**
 * Makes a chat of an app: who asks is firstlogin's business, sessions and messages are its own.
 * @param {import('fastify').FastifyInstance} app
 * @param {import('firstlogin/config').Config} config
 */
export async function registerChat(app, config) {
  await app.register(problems)
  await app.register(db, { database: config.DATABASE_URL })
  await app.register(notices)
  await app.register(metrics)
  await app.register(http)
  await app.register(provisioner, { ownership: config.ownership })
  await app.register(upstreams, { upstreams: config.upstreams })
  await app.register(identity)
  await app.register(tenancy)

  await createTables(app.sql)
  await app.register(chatRoutes, { prefix: '/chat' })
}
