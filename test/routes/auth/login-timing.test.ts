import t, { type Test } from 'tap'
import { addPeople, password } from '../../support/people.ts'
import { createWorld, type Service, type World } from '../../support/service.ts'

type Pair = { known: string; stranger: string }

const tries = 5

// A login whose time tells who is known is slower or quicker by a call upstream, in every round: a busy machine may
// spoil a round, but none in which both take the same time can be had by luck.
const rounds = 4

function median(times: number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN
}

async function timeOf(login: Promise<{ statusCode: number }>): Promise<number> {
  const started = performance.now()
  const { statusCode } = await login
  if (statusCode !== 401) throw new Error(`${statusCode} is not the answer to a wrong password.`)
  return performance.now() - started
}

async function compare({ login }: Service, pairs: Pair[]) {
  const times = { known: [] as number[], stranger: [] as number[] }
  for (const [index, pair] of pairs.entries()) {
    const order = index % 2 === 0 ? (['known', 'stranger'] as const) : (['stranger', 'known'] as const)
    for (const who of order) times[who].push(await timeOf(login(pair[who], 'wrong')))
  }
  const [known, stranger] = [median(times.known), median(times.stranger)]
  return { known, stranger, isClose: Math.abs(known - stranger) < 0.15 * Math.max(known, stranger) }
}

async function isClose(t: Test, service: Service, turn: string, rounds: Pair[][]) {
  for (const pairs of rounds) {
    const result = await compare(service, pairs)
    t.comment(turn, JSON.stringify(result))
    if (result.isClose) return t.pass(`at the ${turn} try`)
  }
  return t.fail(`at the ${turn} try`)
}

async function prepare(world: World, latencyMs: number) {
  const people = await addPeople(world.airtable, rounds * tries, 'timing')
  const first = await world.start()
  await Promise.all(people.map((email) => first.login(email, password)))
  world.airtable.setFault({ kind: 'none', latencyMs })
  // An instance that has not met anybody, nor knows yet how long the upstream takes.
  const service = await world.start()
  const pairs = people.map((known, index) => ({ known, stranger: `stranger.${index}@example.org` }))
  return { service, pairs }
}

for (const latencyMs of [0, 120]) {
  t.test(
    `a wrong password takes as long as an unknown address, ${latencyMs} ms from the upstream`,
    async (t) => {
      const world = await createWorld(t)
      const { service, pairs } = await prepare(world, latencyMs)
      const strangers = Array.from({ length: rounds }, (_, round) =>
        pairs.slice(round * tries, (round + 1) * tries),
      )
      await isClose(t, service, 'first', strangers)
      await isClose(t, service, 'second', Array(rounds).fill(pairs.slice(0, tries)))
    },
  )
}
