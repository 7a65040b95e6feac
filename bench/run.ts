// npm run bench [-- --short] [-- --profile] [-- --only=events,bareEvents]: the service, its floors and its peers, side by
// side in one run; or only these measures of it.
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { type FirstLogin, measureFirstLogins } from './first-logins.ts'
import { type FirstRequest, measureFirstRequests } from './first-requests.ts'
import { type Issuer, issuers } from './identity.ts'
import { type MeasureName, measureNames, prepareMeasures } from './measures.ts'
import { readMemory } from './memory.ts'
import { reached, toRows } from './rows.ts'
import { median } from './statistics.ts'
import { toTable } from './table.ts'
import { folder, startWorld } from './world.ts'

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const plan = options.short
  ? { rounds: 3, firstLogins: 10, firstRequests: 20, slow: 2, fast: 1.5 }
  : { rounds: 5, firstLogins: 30, firstRequests: 40, slow: 7, fast: 4 }
const only = options.only?.split(',')
for (const name of ['firstLogins', 'firstRequests'] as const) if (only && !only.includes(name)) plan[name] = 0

const say = (text: string) => process.stderr.write(`${text}\n`)
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const started = new Date()
say('starting PostgreSQL, the service and its peers')
const world = await startWorld(plan.rounds * plan.firstLogins, options.profile)
try {
  const measures = await prepareMeasures(world, only)
  const perSecond = Object.fromEntries(measureNames.map((name) => [name, [] as number[]])) as Record<
    MeasureName,
    number[]
  >
  const eventsP99Ms: number[] = []
  const firstLogins: FirstLogin[] = []
  const firstRequests: Record<Issuer, FirstRequest[]> = { Clerk: [], Frontegg: [] }
  const isOfEvents = (name: MeasureName) => name === 'events' || name === 'bareEvents'
  await takeRounds(
    measures.filter(([name]) => !isOfEvents(name)),
    async (round) => {
      firstLogins.push(...(await measureFirstLogins(world, round * plan.firstLogins, plan.firstLogins)))
      for (const issuer of plan.firstRequests > 0 ? issuers : [])
        firstRequests[issuer].push(
          ...(await measureFirstRequests(world.identity, issuer, plan.firstRequests)),
        )
    },
  )
  const memory = await readMemory(world.service.pid)
  await takeRounds(measures.filter(([name]) => isOfEvents(name)))
  const memoryAfterEvents = await readMemory(world.service.pid)
  const figures = { perSecond, eventsP99Ms, firstLogins, firstRequests, memory, memoryAfterEvents }

  async function takeRounds(list: typeof measures, after?: (round: number) => Promise<void>): Promise<void> {
    for (let round = 0; round < plan.rounds; round += 1) {
      // Forth and back, so that nobody always comes after the same neighbour.
      for (const [name, measure] of round % 2 === 0 ? list : list.toReversed()) {
        const isSlow = ['argon2Verify', 'login', 'peerSignIn'].includes(name)
        const pace = await measure(isSlow ? plan.slow : plan.fast)
        perSecond[name].push(pace.perSecond)
        if (name === 'events') eventsP99Ms.push(pace.p99Ms ?? Number.NaN)
        say(`round ${round + 1} of ${plan.rounds}: ${name} ${pace.perSecond.toFixed(0)}/s`)
      }
      await after?.(round)
    }
  }
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

  console.log(
    `\n${machine.cores} x ${machine.cpu}, Node ${machine.node}, ${plan.rounds} rounds in ${report.took}\n`,
  )
  console.log(toTable(rows))
  console.log(`
Figures are medians of the rounds; a ratio is the median of the rounds' own ratios. 32 connections, kept alive,
each a person of its own; the service logs at "info" and commits to disk.
Identity: a host app that logs no requests, as its floor does; both are sent the same session tokens of Clerk's.
Signed events: 64 connections, every request a new event; both tables are counted, so that each was kept exactly once.`)
  if (firstLogins.length > 0) {
    const ordinary = median(firstLogins.map((login) => login.ordinary)).toFixed(1)
    console.log(`\
Read-through (${firstLogins.length} first logins, one by one): the whole login as its caller sees it, minus the time from the
upstream's getting the call to its having answered, minus an ordinary login (${ordinary} ms, the median of as many in between).`)
  }
  if (firstRequests.Clerk.length > 0) {
    const ordinary = median(issuers.flatMap((issuer) => firstRequests[issuer].map((one) => one.ordinary)))
    console.log(`\
First requests (${firstRequests.Clerk.length} for each issuer, one by one, its keys known): user, organization and membership are
new; the whole request as its caller sees it, minus a later one (${ordinary.toFixed(1)} ms, the median of as many in between).`)
  }
  console.log('All figures: .data/bench/latest.json')
} finally {
  await world.stop()
}
