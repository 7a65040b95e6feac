import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Account, findAccount } from './postgres/account.ts'
import { findBinaries } from './postgres/binaries.ts'
import { createCluster, createPassword, findPassword, isCluster } from './postgres/cluster.ts'
import { lockFolder } from './postgres/folder-lock.ts'
import { givenTo, makeFolder } from './postgres/folders.ts'
import { findHome, setAside } from './postgres/home.ts'
import { findPort } from './postgres/port.ts'
import { type Cluster, stopLeftovers } from './postgres/processes.ts'
import { startServer } from './postgres/server.ts'

export interface PostgresOptions {
  /** Kept between runs. One live process at a time. */
  dataDir: string
  /** Insisted on when given; 0 means any free one. Otherwise the first free one from 54330. */
  port?: number
  /** Server settings, as in postgresql.conf. */
  settings?: Record<string, string>
  log?(message: string): void
}

export interface RunningPostgres {
  /** Address of the superuser's own database, with its password. */
  url: string
  port: number
  /** Where the cluster really is: below dataDir, unless the account that PostgreSQL runs as cannot reach it there. */
  cluster: Cluster
  stop(): Promise<void>
}

/** An embedded PostgreSQL, listening on 127.0.0.1 only; the caller stops it before it ends. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { path: dataDir, owner } = await makeFolder(resolve(options.dataDir))
  if (process.geteuid && process.geteuid() !== 0 && process.geteuid() !== owner) {
    throw new Error(
      `The database folder ${dataDir} belongs to another account (uid ${owner}): use a folder of your own.`,
    )
  }
  const account = await findAccount(owner)
  const release = await lockFolder(dataDir)
  try {
    const { stop, ...running } = await bringUp({ ...options, dataDir }, account)
    const stopAndRelease = async () => {
      await stop()
      await release()
    }
    let stopped: Promise<void> | undefined
    return { ...running, stop: () => (stopped ??= stopAndRelease()) }
  } catch (error) {
    await release()
    throw error
  }
}

async function bringUp(options: PostgresOptions, account: Account): Promise<RunningPostgres> {
  const { dataDir, settings = {}, log = () => {} } = options
  const kept = await findPassword(dataDir)
  const home = await findHome(account, dataDir, kept === undefined)
  if (home !== dataDir) log(`PostgreSQL's data is in ${home}: uid ${account.uid} cannot reach ${dataDir}`)
  const cluster = { folder: join(home, 'cluster'), name: nameOf(dataDir) }
  if (await stopLeftovers(cluster)) log('stopped a PostgreSQL that an earlier run had left behind')
  if (kept === undefined) await setAside(home)

  const native = await findBinaries(account)
  const password = kept ?? (await createPassword(dataDir))
  if (!(await isCluster(cluster.folder))) {
    log(`making a PostgreSQL cluster in ${cluster.folder}`)
    const initdb = join(native, 'bin', 'initdb')
    await createCluster({ home, initdb, account, password, durable: settings['fsync'] !== 'off' })
  }

  const logFile = join(dataDir, 'postgres.log')
  await writeFile(logFile, '', { mode: 0o600 })
  await givenTo(dataDir, logFile)
  const program = join(native, 'bin', 'postgres')
  const onDeath = (reason: string) => log(`PostgreSQL ended unexpectedly (${reason})`)
  for (let attempt = 1; ; attempt++) {
    const port = await findPort(options.port)
    try {
      const stop = await startServer({ program, account, cluster, port, settings, logFile, onDeath })
      const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
      return { url, port, cluster, stop }
    } catch (error) {
      // Somebody took the port between our look at it and PostgreSQL's.
      const taken = error instanceof Error && error.message.includes('could not bind')
      if (!taken || options.port || attempt === 5) throw error
    }
  }
}

function nameOf(dataDir: string) {
  return `firstlogin-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`
}
