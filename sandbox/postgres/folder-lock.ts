import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { givenTo } from './folders.ts'
import { birthOf } from './processes.ts'

interface Holder {
  number: number
  pid: number
  isAlive: boolean
}

/**
 * Makes this process the only live one on the folder, until released. Throws with the id of the process that holds it.
 *
 * The lock is a numbered file that names its process. The highest number holds, and the next number succeeds a holder
 * that has died or released it. `link` creates a file with its content at once and only where there is none, so each
 * number has one holder. The highest number is never removed: numbers only grow.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const locks = join(folder, 'locks')
  await mkdir(locks, { recursive: true })
  await givenTo(folder, locks)
  const name = `${process.pid}-${birthOf(process.pid)}`
  const draft = join(locks, `draft-${name}-${Math.random().toString(36).slice(2)}`)
  await writeFile(draft, name, { flag: 'wx' })
  try {
    for (;;) {
      const before = await findHolder(locks)
      if (before?.isAlive) throw inUse(folder, before.pid)
      const number = (before?.number ?? 0) + 1
      const file = join(locks, String(number))
      if (!(await createLink(draft, file))) continue
      const holder = await findHolder(locks)
      if (holder?.number === number) {
        await removeDead(locks, number)
        return () => writeFile(file, 'released')
      }
      // This process read the folder before the number was removed: there is a higher one.
      await rm(file, { force: true })
    }
  } finally {
    await rm(draft, { force: true })
  }
}

async function findHolder(locks: string): Promise<Holder | undefined> {
  const numbers = (await readdir(locks)).filter((name) => /^\d+$/.test(name)).map(Number)
  const number = Math.max(0, ...numbers)
  if (number === 0) return undefined
  const name = await readFile(join(locks, String(number)), 'utf8').catch(unlessGone)
  if (name === undefined) return findHolder(locks)
  const pid = Number.parseInt(name, 10)
  return { number, pid, isAlive: name === `${pid}-${birthOf(pid)}` }
}

async function removeDead(locks: string, own: number): Promise<void> {
  for (const name of await readdir(locks)) {
    const isOlder = Number(name) < own
    const [, pid] = /^draft-(\d+)-/.exec(name) ?? []
    if (isOlder || (pid && birthOf(Number(pid)) === undefined)) await rm(join(locks, name), { force: true })
  }
}

/** False where the file is there already. */
async function createLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function inUse(folder: string, pid: number): Error {
  return new Error(
    `The database folder ${folder} is in use by process ${pid}: stop it first, or use another folder.`,
  )
}
