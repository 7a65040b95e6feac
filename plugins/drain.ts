import type { Server, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'

/** How long every answer ends its connection while new ones are still taken: nobody's next request hits a closed door. */
const graceMs = 300
/** A connection on which nobody asks anything is kept this long after the last answer. */
const patienceMs = 1000
const longestMs = 7000

/**
 * Before the server stops listening, whoever has asked gets a whole answer that says it is the last one on its
 * connection; connections that stay silent, or that are still open after seven seconds, are closed.
 */
export default fp(
  async function drainPlugin(app) {
    app.addHook('preClose', createDrain(app.server))
  },
  { name: 'firstlogin-drain', fastify: '5.x' },
)

function createDrain(server: Server): () => Promise<void> {
  const open = new Set<ServerResponse>()
  let isDraining = false
  let quietSince = 0

  // Before the framework's own listener, which may answer at once.
  server.prependListener('request', (_request, response: ServerResponse) => {
    if (isDraining) response.setHeader('connection', 'close')
    open.add(response)
    response.once('close', () => {
      open.delete(response)
      quietSince = performance.now()
    })
  })

  return async function drain() {
    isDraining = true
    for (const response of open) if (!response.headersSent) response.setHeader('connection', 'close')
    await sleep(graceMs)
    const began = (quietSince = performance.now())
    const timer = setInterval(() => {
      const now = performance.now()
      const isQuiet = open.size === 0 && now - quietSince > patienceMs
      if (isQuiet || now - began > longestMs) server.closeAllConnections()
      else server.closeIdleConnections()
    }, 50)
    server.once('close', () => clearInterval(timer))
  }
}
