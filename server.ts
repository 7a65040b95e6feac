#!/usr/bin/env node
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Fastify from 'fastify'
import firstlogin, { logOptions, openTerminalStream, serverOptions } from './app.ts'
import { UsageError } from './commands/arguments.ts'
import type { Command, LocalCommand } from './commands/command.ts'
import { commands } from './commands/index.ts'
import { createOutput, type Output } from './commands/output.ts'
import { ConfigError, loadConfig } from './config.ts'
import { toLoggable } from './errors.ts'

/** The settings, and what stands in for those that nobody made. */
interface Surroundings {
  env: Readonly<Record<string, string | undefined>>
  /** Each stand-in and where it is. */
  lines: string[]
  /** Somebody whom only the stand-in for the upstream knows. */
  login?: { email: string; password: string } | undefined
  stop(): Promise<void>
}

const longestStopMs = 9_000
const maxConnections = 4096
const ownFiles = 128
/** Connections that wait to be accepted: where they find no room, clients try again a second later, and then after three. */
const backlog = 4096
const print = (line: string) => void process.stdout.write(`${line}\n`)
const complain = (line: string) => void process.stderr.write(`${line}\n`)

/** With NODE_ENV=production nothing is made up; elsewhere what is not configured gets a stand-in. */
async function findSurroundings(enter: 'startSandbox' | 'joinSandbox'): Promise<Surroundings> {
  if (process.env['NODE_ENV'] === 'production') return { env: process.env, lines: [], stop: async () => {} }
  const sandbox = await import('./sandbox/sandbox.ts')
  return sandbox[enter](process.env, join(process.cwd(), '.data'), complain)
}

interface Service {
  banner: string | undefined
  stop: (signal?: string) => Promise<void>
}

async function startService(): Promise<Service> {
  const surroundings = await findSurroundings('startSandbox')
  let stop: Service['stop'] = surroundings.stop
  try {
    const config = loadConfig(surroundings.env)
    const app = Fastify({
      ...serverOptions,
      logger: {
        level: config.LOG_LEVEL,
        ...logOptions,
        ...(process.stdout.isTTY && { stream: await openTerminalStream(process.stdout) }),
      },
      genReqId: () => randomUUID(),
      trustProxy: config.TRUST_PROXY.length > 0 ? config.TRUST_PROXY : false,
      return503OnClosing: false,
    })
    stop = async (signal) => {
      if (signal) app.log.info({ event: 'service.stopping', signal })
      try {
        await app.close()
        if (signal) app.log.info({ event: 'service.stopped' })
      } finally {
        await surroundings.stop()
      }
    }
    await app.register(firstlogin, { ...config, standalone: true, maxConnections: findMaxConnections() })
    const address = await app.listen({ host: config.HOST, port: config.PORT, backlog })
    app.log.info({ event: 'service.started', address, version: await readVersion(), node: process.version })
    const docs = config.HIDE.includes('docs') ? address : `${address}/docs`
    return { banner: surroundings.lines.length > 0 ? toBanner(address, docs, surroundings) : undefined, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** As many connections as the process may open files, but for those that it needs itself: databases, upstreams, logs. */
function findMaxConnections(): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } }
  const openFiles = Number(report.userLimits?.open_files?.soft)
  return Math.max(16, Math.min(maxConnections, Number.isNaN(openFiles) ? Infinity : openFiles - ownFiles))
}

async function start(args: string[]): Promise<never> {
  if (args.length > 0) throw new UsageError()
  const { signal } = stopOnSignal()
  const service = await startService()
  if (!signal.aborted) {
    if (service.banner) print(service.banner)
    await once(signal, 'abort')
  }
  await service.stop(typeof signal.reason === 'string' ? signal.reason : undefined)
  process.exit(0)
}

/** Heard from the first moment on: whoever is stopped while starting leaves nothing behind either. */
function stopOnSignal(): AbortController {
  const stopping = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => {
      setTimeout(() => process.exit(1), longestStopMs).unref()
      stopping.abort(name)
    })
  }
  return stopping
}

function toBanner(address: string, docs: string, { lines, login }: Surroundings): string {
  const places = [`API          ${docs}`, ...lines].map((line) => `  ${line}`)
  const body = login && JSON.stringify(login).replaceAll("'", "'\\''")
  const trial = body
    ? `
  Somebody who is in Airtable and not yet in PostgreSQL logs in:

  curl -s ${address}/api/auth/login -H 'content-type: application/json' \\
    -d '${body}'
`
    : ''
  return `
  firstlogin is ready at ${address}

${places.join('\n')}
${trial}`
}

const isHelp = (arg: string) => arg === '--help' || arg === '-h'

async function main([name = 'start', ...given]: string[]): Promise<void> {
  if (name === '--version') return print(await readVersion())
  const command = commands.get(name)
  if (!command && name !== 'start') {
    printCommands(isHelp(name) || name === 'help' ? print : complain)
    process.exitCode = isHelp(name) || name === 'help' ? 0 : 2
    return
  }
  const { usage, summary } = command ?? startCommand
  if (given.some(isHelp)) return print(`Usage: firstlogin ${usage}\n\n${summary}`)
  const args = given.filter((arg) => arg !== '--json')
  const output = createOutput(args.length < given.length, print, complain)
  try {
    process.exitCode = command ? await run(command, args, output) : await start(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    complain(`Usage: firstlogin ${usage}`)
    process.exitCode = 2
  }
}

async function run(command: Command | LocalCommand, args: string[], output: Output): Promise<number> {
  if ('runAlone' in command) return command.runAlone(process, args, output)
  const { env, stop } = await findSurroundings('joinSandbox')
  try {
    const standIns = new Set(Object.keys(env).filter((name) => env[name] !== process.env[name]))
    return await command.run(loadConfig(env), args, output, standIns)
  } finally {
    await stop()
  }
}

const startCommand = { usage: 'start', summary: 'run the service' }

function printCommands(write: (line: string) => void): void {
  write('Usage: firstlogin <command>\n')
  for (const { usage, summary } of [startCommand, ...commands.values()]) write(`  ${usage}\n      ${summary}`)
  write('\n  <command> --help   what the command does, and nothing else')
  write('  <command> --json   the result as one line of JSON on standard output')
  write('  --version')
}

async function readVersion(): Promise<string> {
  const folder = import.meta.dirname
  // Beside this file where it is source, one folder up where it is built.
  for (const path of [join(folder, 'package.json'), join(folder, '..', 'package.json')]) {
    const file = await readFile(path, 'utf8').catch(() => undefined)
    if (file !== undefined) return (JSON.parse(file) as { version: string }).version
  }
  throw new Error('There is no package.json.')
}

/** One sentence for what an operator can mend; everything about what only a developer can. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (!(error instanceof Error)) return JSON.stringify(toLoggable(error))
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code === 'EADDRINUSE') return `${error.message}. Set PORT to a free one.`
  // Where an address has several numbers, the failure of each is inside and the message empty.
  if (code) return `firstlogin cannot go on: ${error.message || code}`
  return error.name === 'Error' ? error.message : JSON.stringify(toLoggable(error))
}

// What reads the output may have read enough: `firstlogin why ... | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

main(process.argv.slice(2)).catch((error: unknown) => {
  complain(explain(error))
  process.exit(1)
})
