import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** When a process began, in words that a later process with the same id does not share; undefined when it is gone. */
export function birthOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const stat = readProc(`/proc/${pid}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (!stat || fields[0] === 'Z' || fields[0] === 'X') return undefined
    return `${readProc('/proc/sys/kernel/random/boot_id').slice(0, 8)}-${fields[19]}`
  }
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return undefined
  }
  return ask(pid, 'lstart').replaceAll(/\W+/g, '') || 'unknown'
}

export interface Cluster {
  folder: string
  /** Shown in the titles of all processes of the cluster: what tells them from those of other clusters. */
  name: string
}

/** The processes of a cluster that still live, its postmaster or what a killed postmaster left. */
export function findLeftovers(cluster: Cluster): { pid: number; postmaster: boolean }[] {
  if (process.platform !== 'linux') return findPostmaster(cluster.folder)
  const owner = statSync(cluster.folder, { throwIfNoEntry: false })?.uid
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      const args = readProc(`/proc/${pid}/cmdline`).split('\0')
      const postmaster = args[1] === '-D' && args[2] === cluster.folder
      if (!postmaster && !args[0]?.startsWith(`postgres: ${cluster.name}: `)) return []
      const process = statSync(`/proc/${pid}`, { throwIfNoEntry: false })
      return process?.uid === owner && birthOf(Number(pid)) ? [{ pid: Number(pid), postmaster }] : []
    })
}

/** Fast shutdown first, as an operator would; force only against what does not listen. True if there was anything. */
export async function stopLeftovers(cluster: Cluster): Promise<boolean> {
  const found = findLeftovers(cluster)
  const postmasters = found.filter((process) => process.postmaster)
  if (postmasters.length > 0) await signalUntilGone(cluster, postmasters, 'SIGINT', 10_000)
  else await signalUntilGone(cluster, found, 'SIGTERM', 2_000)
  await signalUntilGone(cluster, findLeftovers(cluster), 'SIGQUIT', 5_000)
  await signalUntilGone(cluster, findLeftovers(cluster), 'SIGKILL', 5_000)
  const [left] = findLeftovers(cluster)
  if (left)
    throw new Error(
      `A PostgreSQL of an earlier run (process ${left.pid}) holds ${cluster.folder} and does not stop.`,
    )
  return found.length > 0
}

async function signalUntilGone(
  cluster: Cluster,
  processes: { pid: number }[],
  signal: NodeJS.Signals,
  patience: number,
) {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal)
    } catch {
      // Gone in the meantime, or not ours: the loop below tells which.
    }
  }
  const deadline = Date.now() + patience
  while (processes.length > 0 && findLeftovers(cluster).length > 0 && Date.now() < deadline) await sleep(20)
}

function findPostmaster(folder: string) {
  const pid = Number(readProc(`${folder}/postmaster.pid`).split('\n')[0])
  return pid > 0 && ask(pid, 'command').includes(folder) ? [{ pid, postmaster: true }] : []
}

function ask(pid: number, column: string) {
  try {
    return execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}

function readProc(path: string) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
