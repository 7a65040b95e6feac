import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, realpath, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Account, canReach } from './account.ts'

/** Makes the folder, and whatever is missing above it, belonging to whom the nearest existing folder belongs to. */
export async function makeFolder(folder: string): Promise<{ path: string; owner: number }> {
  const known = await stat(folder).catch(() => undefined)
  if (!known) {
    const above = await makeFolder(dirname(folder))
    await mkdir(folder).catch(unlessThere)
    await givenTo(above.path, folder)
  }
  return { path: await realpath(folder), owner: (await stat(folder)).uid }
}

/** A file that root makes in somebody's folder belongs to that somebody, who may start without root the next time. */
export async function givenTo(folder: string, path: string): Promise<void> {
  if (process.geteuid?.() !== 0) return
  const { uid, gid } = await stat(folder)
  await chown(path, uid, gid)
}

/** A second home for what cannot stay in the project because the account cannot walk there. Data wants to last. */
export async function findRefuge(account: Account, dataDir: string): Promise<string> {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
  for (const place of ['/var/lib', '/var/tmp', tmpdir()]) {
    const folder = await claimFolderIn(place, 'firstlogin')
    if (!folder || !(await canReach(account, folder))) continue
    await mkdir(join(folder, name), { mode: 0o755 }).catch(unlessThere)
    return join(folder, name)
  }
  throw new Error(`The account that PostgreSQL runs as (uid ${account.uid}) cannot reach ${dataDir}.`)
}

/** A folder of ours in a place that others may write to; undefined when somebody else was there first. */
export async function claimFolderIn(place: string, name: string): Promise<string | undefined> {
  const folder = join(place, name)
  try {
    await mkdir(folder, { mode: 0o755 }).catch(unlessThere)
    const found = await lstat(folder)
    if (!found.isDirectory() || found.uid !== (process.geteuid?.() ?? found.uid)) return undefined
    if (found.mode & 0o022 && process.platform !== 'win32') return undefined
    await chmod(folder, 0o755)
    return await realpath(folder)
  } catch {
    return undefined
  }
}

function unlessThere(error: NodeJS.ErrnoException) {
  if (error.code !== 'EEXIST') throw error
}
