import { randomBytes } from 'node:crypto'
import { chown, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Account } from './account.ts'
import { givenTo } from './folders.ts'
import { run } from './run.ts'

/** The password of the cluster's only role, readable by the folder's owner alone; undefined before there is one. */
export async function findPassword(dataDir: string): Promise<string | undefined> {
  return readFile(join(dataDir, 'password'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
}

export async function createPassword(dataDir: string): Promise<string> {
  const password = randomBytes(24).toString('hex')
  const draft = join(dataDir, 'password.new')
  await writeFile(draft, password, { mode: 0o600 })
  await givenTo(dataDir, draft)
  await rename(draft, join(dataDir, 'password'))
  return password
}

export async function isCluster(folder: string): Promise<boolean> {
  const version = await lstat(join(folder, 'PG_VERSION')).catch(() => undefined)
  return version?.isFile() ?? false
}

/** Makes `home`/cluster. It appears under that name only when complete: an initdb that was killed leaves nothing in use. */
export async function createCluster(options: {
  home: string
  initdb: string
  account: Account
  password: string
  durable: boolean
}): Promise<void> {
  const { home, initdb, account, password, durable } = options
  await removeUnfinished(home)
  const draft = join(home, `unfinished-${randomBytes(6).toString('hex')}`)
  const folder = join(draft, 'cluster')
  const passwordFile = join(draft, 'password')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  for (const path of [draft, folder, passwordFile]) {
    if (account.uid !== undefined) await chown(path, account.uid, account.gid)
  }
  // The builtin provider's C.UTF-8 is the same on every system, whatever locales it has installed.
  const { code, output } = await run(
    initdb,
    [
      `--pgdata=${folder}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(durable ? [] : ['--no-sync']),
    ],
    account,
  )
  if (code === 0) await rename(folder, join(home, 'cluster'))
  await rm(draft, { recursive: true, force: true })
  if (code !== 0)
    throw new Error(
      `PostgreSQL could not make a cluster in ${home}: ${output.split('\n').slice(-6).join('\n')}`,
    )
}

async function removeUnfinished(home: string) {
  for (const name of await readdir(home)) {
    if (!name.startsWith('unfinished-')) continue
    // An initdb whose service was killed may still be writing there.
    await rm(join(home, name), { recursive: true, force: true, maxRetries: 10 })
  }
}
