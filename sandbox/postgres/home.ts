import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Account, canReach } from './account.ts'
import { isCluster } from './cluster.ts'
import { findRefuge } from './folders.ts'

/** The folder that the cluster lives in: dataDir itself wherever the account can walk there. */
export async function findHome(account: Account, dataDir: string, isFresh: boolean): Promise<string> {
  const here = await isCluster(join(dataDir, 'cluster'))
  const reachable = await canReach(account, dataDir)
  if (here && !reachable) {
    throw new Error(
      `PostgreSQL runs as uid ${account.uid}, which can no longer reach its data in ${dataDir}: ` +
        'let others walk through the folders above it (chmod o+x), or start as the account that they belong to.',
    )
  }
  if (here && isFresh) {
    throw new Error(
      `The password of the database in ${dataDir} is gone: restore the file, or remove the folder.`,
    )
  }
  return reachable ? dataDir : findRefuge(account, dataDir)
}

/** Whoever removes the data folder starts anew, also where its cluster lives elsewhere. The last one is kept aside. */
export async function setAside(home: string): Promise<void> {
  if (!(await isCluster(join(home, 'cluster')))) return
  await rm(join(home, 'cluster.before'), { recursive: true, force: true })
  await rename(join(home, 'cluster'), join(home, 'cluster.before'))
}
