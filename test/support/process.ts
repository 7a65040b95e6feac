import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { findLeftovers, stopLeftovers } from '../../sandbox/postgres/processes.ts'
import { plainEnv, unhooked } from './built.ts'
import { findFastPlace } from './place.ts'
import { NeverTrue, until } from './until.ts'

export interface Running {
  process: ChildProcess
  pid: number
  said(): { out: string; err: string }
  /** Where it listens, once it says so; rejects when it ends before. */
  ready: Promise<string>
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>
}

/** An empty folder to run in, removed at the end with whatever database still runs there. */
export async function makeWorkplace(t: Test): Promise<string> {
  const folder = await realpath(await mkdtemp(join(await findFastPlace(), 'firstlogin-process-')))
  // As root, the sandbox's PostgreSQL runs as somebody else, who has to walk through.
  await chmod(folder, 0o711)
  t.teardown(async () => {
    await stopLeftovers(clusterIn(folder))
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}

function clusterIn(workplace: string) {
  return { folder: join(workplace, '.data/postgres/cluster'), name: '?' }
}

/** Is a PostgreSQL of this workplace's sandbox alive? */
export function hasPostgres(workplace: string): boolean {
  return findLeftovers(clusterIn(workplace)).length > 0
}

/** Starts a program of Node's, or a whole command, with no settings but `env`. */
export function run(
  t: Test,
  program: string | readonly [command: string, ...args: string[]],
  { cwd, args = [], env = {} }: { cwd: string; args?: string[]; env?: Record<string, string> },
): Running {
  const [command, ...rest] = typeof program === 'string' ? [process.execPath, program] : program
  const child = spawn(...unhooked(command, [...rest, ...args]), {
    cwd,
    env: { PATH: plainEnv['PATH'], HOME: cwd, TMPDIR: plainEnv['TMPDIR'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'))
  })
  // A banner is written at once; in production there is none.
  const isProduction = env['NODE_ENV'] === 'production'
  const announcement = isProduction ? /Server listening at (http:[^"]+)/ : /firstlogin is ready at (\S+)\n/
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const address = announcement.exec(out)?.[1]
      if (address) resolve(address)
    })
    void ended.then((how) => reject(new Error(`It ended with ${how}: ${out}${err}`)))
  })
  ready.catch(() => {})
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { process: child, pid: child.pid ?? 0, said: () => ({ out, err }), ready, ended }
}

/** Runs it to its end. */
export async function runToEnd(...args: Parameters<typeof run>) {
  const running = run(...args)
  const code = await running.ended
  return { code, ...running.said() }
}

/** Whether it comes true at all: see `until`. */
export function untilTrue(isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  return until(isTrue).catch((error: unknown) => {
    if (error instanceof NeverTrue) return false
    throw error
  })
}

export function post(address: string, path: string, body: object): Promise<Response> {
  return fetch(address + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  })
}

export const ada = { email: 'ada@example.com', password: 'analytical-engine' }
