import t from 'tap'
import { addPeople, password } from '../../support/people.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { startWalker } from './walker.ts'

t.test('an upstream that is away in the middle is waited for; a stop ends the waiting at once', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable } = world
  const { walk } = await startWalker(t, world)
  await addPeople(airtable, 150)
  const waits: number[] = []
  const report = await walk({
    patienceMs: 60_000,
    onProgress({ pages, isWaiting }) {
      if (!isWaiting && pages === 1) airtable.setFault({ kind: 'error_500' })
      if (isWaiting) waits.push(pages)
      if (waits.length === 2) airtable.heal()
    },
  })
  t.match(report, { pages: 2, seen: 150, vanished: [] })
  t.same(waits, [1, 1])

  const stopping = new AbortController()
  airtable.setFault({ kind: 'stall' })
  const stopped = walk({ patienceMs: 60_000, signal: stopping.signal })
  stopped.catch(() => {})
  await until(() => airtable.calls().calls.some(({ status }) => status === 0))
  stopping.abort(new Error('stopped'))
  await t.rejects(stopped, { message: 'stopped' }, 'also while a call is under way')
})

t.test('four calls a second at most, and newcomers who sign in get their turn', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable } = world
  const { walk } = await startWalker(t, world)
  const service = await world.start({ READTHROUGH_DEADLINE_MS: '20000' })
  await addPeople(airtable, 1200)
  const walking = walk()
  for (let index = 0; index < 5; index++) {
    const [email = ''] = await addPeople(airtable, 1, `new${index}`)
    t.equal((await service.login(email, password)).statusCode, 200)
  }
  t.match(await walking, { vanished: [], isRefused: false })
  const { peakPerSecond, calls } = airtable.calls()
  t.ok(peakPerSecond <= 5, `${peakPerSecond} in one second`)
  t.notOk(calls.some(({ status }) => status === 429))
})
