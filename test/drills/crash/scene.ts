import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { chmod, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createAirtableStandIn } from '../../../sandbox/airtable/stand-in.ts'
import { findPort } from '../../../sandbox/postgres/port.ts'
import { findLeftovers, stopLeftovers } from '../../../sandbox/postgres/processes.ts'
import { type RunningPostgres, startPostgres } from '../../../sandbox/postgres.ts'
import { findProgram, plainEnv, unhooked } from '../../support/built.ts'
import { syncOn } from '../../support/events.ts'

export interface Scene {
  databaseUrl: string
  /** Where the service listens, in all of its lives. */
  address: string
  /** Resolves once it answers, with the milliseconds that this took. */
  startService(): Promise<number>
  killService(): Promise<void>
  isServiceAlive(): boolean
  /** Kills every process of PostgreSQL at once. */
  killPostgres(): Promise<void>
  /** On the same data and port; resolves once it takes connections, with the milliseconds that this took. */
  restartPostgres(): Promise<number>
  /** Whatever the service logged as an error, or wrote without its logger, in all of its lives. */
  complaints(): Promise<string[]>
}

/** A PostgreSQL that is careful with its disk, and the service as in production. */
export async function createScene(t: Test): Promise<Scene> {
  const program = await findProgram()
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'firstlogin-crash-')))
  // As root, PostgreSQL runs as somebody else, who has to walk through.
  await chmod(folder, 0o711)
  t.teardown(() => rm(folder, { recursive: true, force: true }))

  const options = {
    dataDir: join(folder, 'postgres'),
    port: await findPort(0),
    settings: { fsync: 'on', synchronous_commit: 'on', checkpoint_timeout: '30s' },
  }
  let postgres: RunningPostgres = await startPostgres(options)
  t.teardown(async () => {
    await postgres.stop()
    await stopLeftovers(postgres.cluster)
  })

  const airtable = createAirtableStandIn({ token: 'patSandbox.token' })
  t.teardown(airtable.close)
  const port = await findPort(0)
  const address = `http://127.0.0.1:${port}`
  const env = {
    ...syncOn,
    PATH: plainEnv['PATH'],
    HOME: folder,
    NODE_ENV: 'production',
    PORT: String(port),
    BASE_URL: address,
    DATABASE_URL: postgres.url,
    FIRSTLOGIN_SECRET: 'a secret of at least thirty-two bytes',
    AIRTABLE_TOKEN: 'patSandbox.token',
    AIRTABLE_BASE_ID: airtable.baseId,
    AIRTABLE_TABLE: 'Users',
    AIRTABLE_API_URL: await airtable.listen(),
    // The records are in no table: the events alone say who is who.
    USER_READTHROUGH_FALLBACK_ENABLED: 'false',
    // Only events speak of people here.
    RECONCILE_SCHEDULE: 'never',
    LOG_LEVEL: 'warn',
  }
  const logFile = join(folder, 'service.log')
  let service: ChildProcess | undefined
  const isServiceAlive = () => service?.exitCode === null && service.signalCode === null
  t.teardown(killService)

  async function startService(): Promise<number> {
    const began = performance.now()
    const log = openSync(logFile, 'a')
    service = spawn(...unhooked(process.execPath, [program]), {
      cwd: folder,
      env,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    while (!(await isReady())) {
      if (!isServiceAlive()) throw new Error(`The service did not start:\n${await readFile(logFile, 'utf8')}`)
      await sleep(10)
    }
    return performance.now() - began
  }

  function isReady(): Promise<boolean> {
    return fetch(`${address}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  }

  async function killService(): Promise<void> {
    if (!service || !isServiceAlive()) return
    const gone = once(service, 'exit')
    service.kill('SIGKILL')
    await gone
  }

  return {
    databaseUrl: postgres.url,
    address,
    startService,
    killService,
    isServiceAlive,
    async killPostgres() {
      // The postmaster first, or it would see its children die.
      const all = findLeftovers(postgres.cluster).sort((a, b) => Number(b.postmaster) - Number(a.postmaster))
      for (const { pid } of all) tryToKill(pid)
      await postgres.stop()
    },
    async restartPostgres() {
      const began = performance.now()
      postgres = await startPostgres(options)
      return performance.now() - began
    },
    async complaints() {
      const lines = (await readFile(logFile, 'utf8')).split('\n')
      // The keys are read again now and then, which fails while PostgreSQL is away.
      const expected = /^$|^\{"level":40|"event":"keys\.unreadable"/
      return lines.filter((line) => !expected.test(line))
    },
  }
}

/**
 * Below the ports that systems choose for whoever connects: on one of those, somebody who tries again and again may
 * end up connected to himself while nobody listens, and then it is taken.
 */
function tryToKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went with its postmaster.
  }
}
