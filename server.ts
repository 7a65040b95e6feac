#!/usr/bin/env node
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import Fastify from 'fastify'
import firstlogin from './app.ts'
import { commands } from './commands/index.ts'
import { ConfigError, loadConfig } from './config.ts'
import { toLoggable } from './errors.ts'

const longestStopMs = 9_000

interface Surroundings {
  env: Readonly<Record<string, string | undefined>>
  lines: string[]
  stop(): Promise<void>
}

/** With NODE_ENV=production nothing is made up; elsewhere what is not configured gets a stand-in. */
async function findSurroundings(): Promise<Surroundings> {
  if (process.env['NODE_ENV'] === 'production') return { env: process.env, lines: [], stop: async () => {} }
  const { startSandbox } = await import('./sandbox/sandbox.ts')
  return startSandbox(process.env, join(process.cwd(), '.data'))
}

async function start(): Promise<void> {
  const { env, lines, stop } = await findSurroundings()
  try {
    const config = loadConfig(env)
    const app = Fastify({
      logger: { level: config.LOG_LEVEL },
      genReqId: () => randomUUID(),
      trustProxy: config.TRUST_PROXY.length > 0 ? config.TRUST_PROXY : false,
      requestTimeout: 30_000,
      // What has begun is finished; idle connections do not hold up the end.
      forceCloseConnections: 'idle',
      return503OnClosing: false,
    })
    app.addHook('onClose', stop)
    await app.register(firstlogin, config)
    const address = await app.listen({ host: config.HOST, port: config.PORT })
    stopOnSignal(() => app.close())
    if (lines.length > 0) process.stdout.write(banner(address, lines))
  } catch (error) {
    await stop()
    throw error
  }
}

function stopOnSignal(close: () => Promise<void>): void {
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) return
      isStopping = true
      setTimeout(() => process.exit(1), longestStopMs).unref()
      close().then(
        () => process.exit(0),
        () => process.exit(1),
      )
    })
  }
}

function banner(address: string, lines: string[]): string {
  return `
  firstlogin is ready at ${address}

  API          ${address}/docs
  ${lines.join('\n  ')}

  Somebody who is in Airtable and not yet in PostgreSQL logs in:

  curl -s ${address}/api/auth/login -H 'content-type: application/json' \\
    -d '{"email":"ada@example.com","password":"analytical-engine"}'

`
}

async function main([name = 'start', ...args]: string[]): Promise<void> {
  if (name === 'start') return start()
  const command = commands.get(name)
  const print = (line: string) => process.stdout.write(`${line}\n`)
  if (!command) {
    print(`Usage: firstlogin <command>\n\n  start          run the service`)
    for (const { usage, summary } of commands.values()) print(`  ${usage.padEnd(14)} ${summary}`)
    process.exitCode = name === 'help' || name === '--help' ? 0 : 2
    return
  }
  process.exitCode = await command.run(loadConfig(process.env), args, print)
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  const text =
    error instanceof ConfigError
      ? error.message
      : isTaken
        ? `${error.message}. Set PORT to a free one.`
        : JSON.stringify(toLoggable(error))
  process.stderr.write(`${text}\n`)
  process.exit(1)
})
