import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { givenTo } from './folders.ts'
import { birthOf } from './processes.ts'

/**
 * Makes this process the only live one on the folder, until released. Everybody writes a name first and looks around
 * second, so that of two at once at least one sees the other and steps back; a dead process's name counts for nothing.
 */
export async function claimFolder(folder: string): Promise<() => Promise<void>> {
  const claims = join(folder, 'claims')
  await mkdir(claims, { recursive: true })
  await givenTo(folder, claims)
  const own = `${process.pid}-${birthOf(process.pid)}`

  let rival: string | undefined
  for (let attempt = 0; attempt < 6; attempt++) {
    await writeFile(join(claims, own), '', { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? inUse(folder, process.pid) : error
    })
    rival = await findRival(claims, own)
    if (!rival) return () => rm(join(claims, own), { force: true })
    await rm(join(claims, own), { force: true })
    await sleep(20 + Math.random() * 100)
  }
  throw inUse(folder, Number.parseInt(rival ?? '', 10))
}

async function findRival(claims: string, own: string) {
  let rival: string | undefined
  for (const name of await readdir(claims)) {
    const pid = Number.parseInt(name, 10)
    if (name === own) continue
    if (name === `${pid}-${birthOf(pid)}`) rival = name
    else await rm(join(claims, name), { force: true })
  }
  return rival
}

function inUse(folder: string, pid: number) {
  return new Error(
    `The database folder ${folder} is in use by process ${pid}: stop it first, or use another folder.`,
  )
}
