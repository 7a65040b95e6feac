import { join } from 'node:path'
import Fastify from 'fastify'
import { buildOnce } from './build.js'

buildOnce()
const { loadConfig } = await import('firstlogin/config')
const { logOptions } = await import('firstlogin')
const { registerChat } = await import('./app.js')

/** In production nothing is made up; elsewhere every vendor and database that is not configured gets a stand-in. */
async function findSurroundings() {
  const env = { UPSTREAMS: 'frontegg,clerk', ...process.env }
  if (env.NODE_ENV === 'production') return { env, lines: [], stop: async () => {} }
  const { startSandbox } = await import('firstlogin/sandbox')
  return startSandbox(env, join(import.meta.dirname, '.data'), console.error)
}

/** Two commands to paste: a token of somebody whom only the stand-in for Frontegg knows, and their first request. */
async function toTrial(address, frontegg) {
  const { memberships } = await (await fetch(`${frontegg}/__control/state`)).json()
  const { userId, tenantId } = memberships[0]
  return `
  Somebody who is in Frontegg and not yet in PostgreSQL opens the chat:

  TOKEN=$(curl -s ${frontegg}/__control/tokens -H 'content-type: application/json' \\
    -d '${JSON.stringify({ userId, tenantId })}' \\
    | node -pe 'JSON.parse(fs.readFileSync(0)).token')
  curl -s ${address}/chat/session -H "authorization: Bearer $TOKEN"
`
}

// Heard from the first moment on: whoever is stopped while starting leaves nothing behind either.
const stopped = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, resolve)
})
const { env, lines, stop } = await findSurroundings()
try {
  const config = loadConfig(env)
  const app = Fastify({ logger: { level: config.LOG_LEVEL, ...logOptions } })
  try {
    await registerChat(app, config)
    const address = await app.listen({ host: config.HOST, port: config.PORT })
    const isStandIn = env.FRONTEGG_ISSUER !== process.env.FRONTEGG_ISSUER
    const trial = isStandIn ? await toTrial(address, env.FRONTEGG_ISSUER) : ''
    console.log(`\n  chat is ready at ${address}\n\n${lines.map((line) => `  ${line}\n`).join('')}${trial}`)
    await stopped
  } finally {
    await app.close()
  }
} catch (error) {
  // What its reader can mend is one sentence; everything else is for whoever writes the app.
  const isTaken = error.code === 'EADDRINUSE'
  console.error(isTaken ? `${error.message}. Set PORT to a free one.` : (error.problems?.join('\n') ?? error))
  process.exitCode = 1
} finally {
  await stop()
}
