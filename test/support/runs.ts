import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { birthOf, stopLeftovers } from '../../sandbox/postgres/processes.ts'

/** What the keeper of a run's PostgreSQL tells everybody else in the run. */
const Run = Type.Object({
  url: Type.String(),
  keeper: Type.Integer(),
  keeperBirth: Type.String(),
  dataDir: Type.String(),
  cluster: Type.Object({ folder: Type.String(), name: Type.String() }),
})
export type Run = Static<typeof Run>

const folder = new URL('../../.data/test/', import.meta.url)

/** Named by the tap process, the parent of all its scripts and tests: several may run in one checkout at a time. */
export function runFileOf(runner: number): string {
  return fileURLToPath(new URL(`${runner}.json`, folder))
}

export async function readRun(file: string): Promise<Run | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Value.Parse(Run, JSON.parse(text))
}

export async function writeRun(file: string, run: Run): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(`${file}.new`, JSON.stringify(run), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

export function isKept(run: Run): boolean {
  return birthOf(run.keeper) === run.keeperBirth
}

export async function removeRun(file: string, run: Run): Promise<void> {
  for (const path of [run.dataDir, dirname(run.cluster.folder), file]) {
    await rm(path, { recursive: true, force: true })
  }
}

/** Ends the PostgreSQL of runs whose keeper was killed: a keeper that lives looks after its own. */
export async function removeAbandonedRuns(): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter((name) => name.endsWith('.json'))) {
    const file = fileURLToPath(new URL(name, folder))
    const run = await readRun(file)
    if (!run || isKept(run)) continue
    await stopLeftovers(run.cluster)
    await removeRun(file, run)
  }
}
