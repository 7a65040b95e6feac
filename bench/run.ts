// npm run bench [-- --short] [-- --profile]: the service, its floors and its peers, side by side in one run.
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { type FirstLogin, measureFirstLogins } from './first-logins.ts'
import { type MeasureName, prepareMeasures } from './measures.ts'
import { readMemory } from './memory.ts'
import { reached, toRows } from './rows.ts'
import { median } from './statistics.ts'
import { toTable } from './table.ts'
import { folder, startWorld } from './world.ts'

const { values: options } = parseArgs({
  options: { short: { type: 'boolean', default: false }, profile: { type: 'boolean', default: false } },
})
const plan = options.short
  ? { rounds: 3, firstLogins: 10, slow: 2, fast: 1.5 }
  : { rounds: 5, firstLogins: 30, slow: 7, fast: 4 }

const say = (text: string) => process.stderr.write(`${text}\n`)
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const started = new Date()
say('starting PostgreSQL, the service and its peers')
const world = await startWorld(plan.rounds * plan.firstLogins, options.profile)
try {
  const measures = await prepareMeasures(world)
  const names = Object.keys(measures) as MeasureName[]
  const perSecond = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    MeasureName,
    number[]
  >
  const firstLogins: FirstLogin[] = []
  for (let round = 0; round < plan.rounds; round += 1) {
    // Forth and back, so that nobody always comes after the same neighbour.
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const isSlow = ['argon2Verify', 'login', 'peerSignIn'].includes(name)
      const figure = await measures[name](isSlow ? plan.slow : plan.fast)
      perSecond[name].push(figure)
      say(`round ${round + 1} of ${plan.rounds}: ${name} ${figure.toFixed(0)}/s`)
    }
    firstLogins.push(...(await measureFirstLogins(world, round * plan.firstLogins, plan.firstLogins)))
  }
  const figures = { perSecond, firstLogins, memory: await readMemory(world.service.pid) }
  const rows = toRows(figures)
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    platform: process.platform,
  }
  const report = {
    startedAt: started.toISOString(),
    took: `${Math.round((Date.now() - started.getTime()) / 1000)} s`,
    machine,
    rows: rows.map((row) => ({ ...row, reached: reached(row) })),
    figures,
  }
  await writeFile(`${folder}latest.json`, `${JSON.stringify(report, null, 2)}\n`)

  const ordinary = median(firstLogins.map((login) => login.ordinary)).toFixed(1)
  console.log(
    `\n${machine.cores} x ${machine.cpu}, Node ${machine.node}, ${plan.rounds} rounds in ${report.took}\n`,
  )
  console.log(toTable(rows))
  console.log(`
Figures are medians of the rounds; a ratio is the median of the rounds' own ratios. 32 connections, kept alive,
each a person of its own; the service logs at "info" and commits to disk.
Read-through (${firstLogins.length} first logins, one by one): the whole login as its caller sees it, minus the time from the
upstream's getting the call to its having answered, minus an ordinary login (${ordinary} ms, the median of as many in between).
All figures: .data/bench/latest.json`)
} finally {
  await world.stop()
}
