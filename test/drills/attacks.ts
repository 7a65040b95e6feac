/**
 * `npm run drill:attacks [-- --only=<name>,...] [-- --short]`: attacks the built service, and prints one table of what
 * each attack reached. Takes a while, and wants a machine that does nothing else.
 */
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../../sandbox/postgres.ts'
import { findFastPlace } from '../support/place.ts'
import type { Attack, AttackContext, Row } from './attacks/support/attack.ts'
import { createWorld } from './attacks/support/world.ts'

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, short: { type: 'boolean', default: false } },
})
const only = options.only?.split(',')
const say = (line: string) => void process.stderr.write(`${line}\n`)

async function findAttacks(): Promise<Attack[]> {
  const folder = join(import.meta.dirname, 'attacks')
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort()
  const modules = await Promise.all(
    files.map((file) => import(join(folder, file)) as Promise<{ default: Attack }>),
  )
  return modules.map((module) => module.default).filter(({ name }) => !only || only.includes(name))
}

async function runAttack({ name, run }: Attack, serverUrl: string, folder: string): Promise<Row[]> {
  const closes: (() => Promise<void>)[] = []
  const context: AttackContext = {
    isShort: options.short,
    say: (line) => say(`${name}: ${line}`),
    async createWorld() {
      const { world, close } = await createWorld(serverUrl, folder)
      closes.push(close)
      return world
    },
  }
  const started = performance.now()
  try {
    return await run(context)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return [{ attack: name, figure: `broke off: ${reason}`, limit: 'runs to its end', verdict: 'failed' }]
  } finally {
    for (const close of closes) await close()
    say(`${name}: took ${Math.round((performance.now() - started) / 1000)} s`)
  }
}

function toTable(rows: Row[]): string {
  const head = { attack: 'attack', figure: 'figure', limit: 'limit', verdict: 'verdict' }
  const columns = ['attack', 'figure', 'limit', 'verdict'] as const
  const widthOf = (column: (typeof columns)[number]) =>
    Math.max(...[head, ...rows].map((row) => row[column].length))
  const toLine = (row: Record<(typeof columns)[number], string>) =>
    columns
      .map((column) => row[column].padEnd(widthOf(column)))
      .join('  ')
      .trimEnd()
  return [toLine(head), ...rows.map(toLine)].join('\n')
}

const attacks = await findAttacks()
const folder = await mkdtemp(join(await findFastPlace(), 'firstlogin-attacks-'))
// As root, PostgreSQL runs as another user, who has to walk through this folder.
await chmod(folder, 0o711)
const server = await startPostgres({ dataDir: join(folder, 'postgres'), port: 0 })
try {
  const rows: Row[] = []
  for (const attack of attacks) rows.push(...(await runAttack(attack, server.url, folder)))
  console.log(toTable(rows))
  if (rows.length === 0 || rows.some(({ verdict }) => verdict === 'failed')) process.exitCode = 1
} finally {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}
