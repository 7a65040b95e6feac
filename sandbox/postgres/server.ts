import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './account.ts'
import type { Cluster } from './processes.ts'
import { childEnv } from './run.ts'

export interface ServerOptions {
  program: string
  account: Account
  cluster: Cluster
  port: number
  settings: Record<string, string>
  logFile: string
  /** Told when PostgreSQL ends although nobody asked it to. */
  onDeath(reason: string): void
}

/** Runs PostgreSQL until `stop`; resolved when it accepts connections. No leftovers may be alive on the cluster. */
export async function startServer(options: ServerOptions): Promise<() => Promise<void>> {
  // A stale file would stop PostgreSQL if its process id had been given to somebody else since. Only where all
  // processes of a cluster can be seen is it certain that nobody lives behind it.
  if (process.platform === 'linux') rmSync(join(options.cluster.folder, 'postmaster.pid'), { force: true })
  const child = launch(options)
  const killWithUs = () => child.kill('SIGINT')
  process.once('exit', killWithUs)
  let stopping = false
  child.once('exit', (code, signal) => {
    process.removeListener('exit', killWithUs)
    if (!stopping) options.onDeath(`${signal ?? code}, see ${options.logFile}`)
  })
  try {
    await untilReady(child, options)
  } catch (error) {
    stopping = true
    await shutDown(child)
    throw error
  }
  child.unref()
  return () => {
    stopping = true
    return shutDown(child)
  }
}

function launch({ program, account, cluster, port, settings, logFile }: ServerOptions) {
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    cluster_name: cluster.name,
    ...settings,
  }
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const log = openSync(logFile, 'w', 0o600)
  try {
    // Detached: Ctrl-C in a terminal must reach the service alone, which then stops us after its last query.
    return spawn(program, ['-D', cluster.folder, ...flags], {
      ...account,
      cwd: '/',
      env: childEnv,
      detached: true,
      windowsHide: true,
      stdio: ['ignore', log, log],
    })
  } finally {
    closeSync(log)
  }
}

async function untilReady(child: ChildProcess, { cluster, logFile }: ServerOptions) {
  let failure: string | undefined
  child.once('error', (error) => (failure = error.message))
  child.once('exit', () => (failure ??= readTail(logFile)))
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    await sleep(15)
    if (failure !== undefined) throw new Error(`PostgreSQL did not start: ${failure}`)
    // The last line of postmaster.pid is what pg_ctl waits for as well.
    const lines = readLines(join(cluster.folder, 'postmaster.pid'))
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return
  }
  throw new Error(`PostgreSQL did not become ready within a minute: ${readTail(logFile)}`)
}

async function shutDown(child: ChildProcess) {
  const isOver = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null
  child.ref()
  for (const [signal, patience] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (isOver()) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await Promise.race([gone, sleep(patience, undefined, { ref: false })])
  }
}

function readTail(file: string) {
  return readLines(file).slice(-8).join('\n').trim()
}

function readLines(file: string) {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
