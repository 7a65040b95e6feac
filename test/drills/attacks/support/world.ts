import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres, { type Sql } from 'postgres'
import { migrate } from '../../../../db/migrate.ts'
import { type AirtableStandIn, createAirtableStandIn } from '../../../../sandbox/airtable/stand-in.ts'
import { root } from '../../../support/built.ts'

export const secret = 'a secret for drills of at least 32 bytes'

/** A process of the built service, as in production. `X-Forwarded-For` chooses the client's network. */
export interface Target {
  url: string
  pid: number
  /** All that it has logged. */
  readLog(): Promise<Record<string, unknown>[]>
  stop(): Promise<void>
}

export interface World {
  sql: Sql
  databaseUrl: string
  airtable: AirtableStandIn
  /** One more instance of the service, with these settings beside the usual ones. */
  start(env?: Record<string, string>, limits?: { openFiles?: number }): Promise<Target>
}

/** `close` ends everything that was started in it. */
export async function createWorld(
  serverUrl: string,
  folder: string,
): Promise<{ world: World; close: () => Promise<void> }> {
  const name = `drill_${Math.random().toString(36).slice(2)}`
  const server = postgres(serverUrl, { max: 1, onnotice: () => {} })
  await server`create database ${server(name)}`
  await server.end()
  const databaseUrl = Object.assign(new URL(serverUrl), { pathname: name }).href
  const sql = postgres(databaseUrl, { max: 4, onnotice: () => {} })
  await migrate(sql)
  const airtable = createAirtableStandIn({ token: 'patDrill.token' })
  const apiUrl = await airtable.listen()
  const targets: Target[] = []

  async function start(
    env: Record<string, string> = {},
    limits: { openFiles?: number } = {},
  ): Promise<Target> {
    const port = await findFreePort()
    const url = `http://127.0.0.1:${port}`
    const logFile = join(await mkdtemp(join(folder, 'service-')), 'log')
    const log = openSync(logFile, 'w')
    const limit = limits.openFiles === undefined ? '' : `ulimit -n ${limits.openFiles}; `
    const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, 'dist/server.js', 'start'], {
      cwd: root,
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        PORT: String(port),
        BASE_URL: url,
        DATABASE_URL: databaseUrl,
        FIRSTLOGIN_SECRET: secret,
        AIRTABLE_TOKEN: 'patDrill.token',
        AIRTABLE_BASE_ID: airtable.baseId,
        AIRTABLE_TABLE: 'Users',
        AIRTABLE_API_URL: apiUrl,
        TRUST_PROXY: '127.0.0.1',
        ...env,
      },
    })
    closeSync(log)
    const killWithUs = () => child.kill('SIGKILL')
    process.once('exit', killWithUs)
    const target: Target = {
      url,
      pid: child.pid ?? 0,
      async readLog() {
        const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.startsWith('{'))
        return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      },
      async stop() {
        process.off('exit', killWithUs)
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGTERM')
        await once(child, 'exit')
      },
    }
    targets.push(target)
    for (let tries = 0; !(await isReady(url)); tries += 1) {
      if (child.exitCode !== null || tries > 300)
        throw new Error(`The service did not start:\n${await readFile(logFile, 'utf8')}`)
      await sleep(100)
    }
    return target
  }

  async function close(): Promise<void> {
    await Promise.all(targets.map((target) => target.stop()))
    await Promise.all([airtable.close(), sql.end({ timeout: 1 })])
  }

  return { world: { sql, databaseUrl, airtable, start }, close }
}

async function isReady(url: string): Promise<boolean> {
  const reply = await fetch(`${url}/readyz`).catch(() => undefined)
  return reply?.ok === true
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('There is no free port.')
  return address.port
}
