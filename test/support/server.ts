import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { birthOf } from '../../sandbox/postgres/processes.ts'
import { isKept, readRun, runFileOf } from './runs.ts'

// Without tap, as in `node test/x.test.ts`, a file is a run of its own.
const runner = process.env['TAP'] ? process.ppid : process.pid

/** The URL of the run's PostgreSQL, which the first test that asks starts, and which ends when the run does. */
export async function findServer(): Promise<string> {
  const given = process.env['TEST_DATABASE_URL']
  if (given) return given
  const file = runFileOf(runner)
  const lock = `${file}.lock`
  await mkdir(dirname(file), { recursive: true })
  for (;;) {
    const run = await readRun(file)
    if (run && isKept(run)) return run.url
    if (await take(lock)) await startKeeper(file).finally(() => rm(lock, { force: true }))
    else await sleep(30)
  }
}

async function take(lock: string) {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const holder = Number(await readFile(lock, 'utf8').catch(() => ''))
    if (holder && !birthOf(holder)) await rm(lock, { force: true })
    return false
  }
}

async function startKeeper(file: string) {
  const log = openSync(`${file}.log`, 'w')
  const program = fileURLToPath(new URL('keep-postgres.ts', import.meta.url))
  // Our own loaders, without tap's bookkeeping of test processes, which the keeper is not.
  const own = fileURLToPath(new URL('typescript/register.mjs', import.meta.url))
  const loader = [
    `--import=${own}`,
    ...process.execArgv.filter((argument) => !argument.includes('processinfo')),
  ]
  const env = Object.entries(process.env).filter(([name]) => !/^_TAPJS_|^NODE_OPTIONS$/.test(name))
  const keeper = spawn(process.execPath, [...loader, program, String(runner)], {
    detached: true,
    stdio: ['ignore', log, log],
    env: Object.fromEntries(env),
  })
  closeSync(log)
  let ended = false
  keeper.once('exit', () => (ended = true))
  while (!ended && !(await readRun(file))) await sleep(20)
  const said = await readFile(`${file}.log`, 'utf8')
  await rm(`${file}.log`, { force: true })
  if (ended) throw new Error(`The tests' PostgreSQL did not start:\n${said}`)
  keeper.unref()
}
