import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { givenTo } from './postgres/folders.ts'
import { birthOf } from './postgres/processes.ts'

/** What a sandbox that runs tells whoever is called beside it. */
const Running = Type.Object({
  pid: Type.Integer(),
  birth: Type.String(),
  settings: Type.Record(Type.String(), Type.String()),
})
type Running = Static<typeof Running>

const fileIn = (dataDir: string) => join(dataDir, 'running.json')

/** Says which settings this process made up. Returns how to take that back. */
export async function announce(
  dataDir: string,
  settings: Record<string, string>,
): Promise<() => Promise<void>> {
  const file = fileIn(dataDir)
  const draft = `${file}.${process.pid}`
  const own: Running = { pid: process.pid, birth: birthOf(process.pid) ?? '', settings }
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 })
  await givenTo(dataDir, draft)
  await rename(draft, file)
  return async () => {
    if ((await read(file))?.pid === process.pid) await rm(file, { force: true })
  }
}

/** The settings that a sandbox on this folder made up, while it lives. */
export async function findRunning(dataDir: string): Promise<Record<string, string> | undefined> {
  const running = await read(fileIn(dataDir))
  return running && birthOf(running.pid) === running.birth ? running.settings : undefined
}

async function read(file: string): Promise<Running | undefined> {
  try {
    return Value.Parse(Running, JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return undefined
  }
}
