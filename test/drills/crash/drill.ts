import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import type { Test } from 'tap'
import { migrate } from '../../../db/migrate.ts'
import { createScene } from './scene.ts'
import { startSenders } from './senders.ts'
import { below, createStory } from './story.ts'
import { checkAll, keepWitness } from './verdict.ts'

export interface CrashOptions {
  serviceKills: number
  databaseKills: number
}

const people = 300
const connections = 16
const reportMs = 3000

/** Kills the service, and then its database, in the middle of a load of events; at the end nothing may be amiss. */
export async function drillCrashes(t: Test, { serviceKills, databaseKills }: CrashOptions): Promise<void> {
  const scene = await createScene(t)
  const sql = postgres(scene.databaseUrl, { max: 1, onnotice: () => {}, backoff: () => 0.1 })
  t.teardown(() => sql.end({ timeout: 1 }))
  await migrate(sql)
  await keepWitness(sql)

  const startsMs = [await scene.startService()]
  const senders = startSenders(scene.address, createStory(people), connections)
  t.teardown(senders.abandon)
  let doing = ''
  const began = performance.now()
  const report = () => {
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    t.comment(`${doing} after ${seconds} s: ${senders.acknowledged()} events acknowledged`)
  }
  const reporting = setInterval(report, reportMs)
  t.teardown(() => clearInterval(reporting))
  const underLoad = async () => {
    await senders.nextAnswer()
    await sleep(20 + below(380))
  }

  for (let kill = 1; kill <= serviceKills; kill += 1) {
    doing = `service killed ${kill - 1} of ${serviceKills} times`
    await underLoad()
    await scene.killService()
    startsMs.push(await scene.startService())
  }
  doing = `service killed ${serviceKills} times`
  report()
  const brokenByService = new Map(senders.failures)
  senders.failures.clear()

  const recoveriesMs: number[] = []
  for (let kill = 1; kill <= databaseKills; kill += 1) {
    doing = `PostgreSQL killed ${kill - 1} of ${databaseKills} times`
    await underLoad()
    await scene.killPostgres()
    const upAfterMs = await scene.restartPostgres()
    const up = performance.now()
    await senders.nextAnswer()
    recoveriesMs.push(performance.now() - up)
    t.ok(
      scene.isServiceAlive(),
      `the service lives on (PostgreSQL was back after ${upAfterMs.toFixed(0)} ms)`,
    )
  }
  doing = `PostgreSQL killed ${databaseKills} times`
  await senders.finish()
  report()
  clearInterval(reporting)

  const seconds = (performance.now() - began) / 1000
  const outcomes = [...senders.told.values()].flatMap(({ results }) => results)
  t.comment(`${senders.told.size} events in ${seconds.toFixed(0)} s; answers: ${toText(countAll(outcomes))}`)
  t.comment(`a start of the service takes ${toRange(startsMs)}`)
  t.comment(`without an answer while the service was killed: ${toText(brokenByService)}`)
  t.comment(`first answer after PostgreSQL is back: ${toRange(recoveriesMs)}`)
  t.comment(`other answers while PostgreSQL was killed: ${toText(senders.failures)}`)

  t.same(
    [...senders.failures.keys()].filter((failure) => failure !== '503 FL_DATABASE_UNAVAILABLE'),
    [],
    'while PostgreSQL is away, whoever sends is told to come again',
  )
  t.same(
    [...brokenByService.keys()].filter((failure) => /^\d/.test(failure)),
    [],
    'a service that was killed leaves nothing behind that fails for the next one',
  )
  t.same(await scene.complaints(), [], 'and nothing unforeseen is in the log')
  await checkAll(t, sql, senders.told)
}

function countAll(words: string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

function toText(counts: Map<string, number>): string {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ') || 'none'
}

function toRange(ms: number[]): string {
  const [least, ...more] = [...ms].sort((a, b) => a - b).map((one) => Math.round(one))
  const median = more[Math.ceil(more.length / 2) - 1] ?? least
  return `${median} ms (${least} to ${more.at(-1) ?? least})`
}
