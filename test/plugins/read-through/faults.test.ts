import t from 'tap'
import type { AirtableStandIn } from '../../../sandbox/airtable/stand-in.ts'
import { addPeople, password } from '../../support/people.ts'
import { createWorld, type Service } from '../../support/service.ts'
import { until } from '../../support/until.ts'

type FaultKind = Parameters<AirtableStandIn['setFault']>[0]['kind']

/** One of each sort; `npm run drill` goes through all of them. */
const passing: FaultKind[] = ['refuse', 'stall', 'error_500', 'malformed', 'oversize']

// Mostly waiting: side by side.
t.jobs = 4
for (const kind of passing) {
  t.test(
    `${kind}: people known to Postgres log in, others get 503, and after its end all is well`,
    { buffered: true },
    async (t) => {
      const { airtable, start } = await createWorld(t)
      const service = await start({ READTHROUGH_DEADLINE_MS: '300' })
      const [known = '', ...others] = await addPeople(airtable, 40, 'fault')
      // The very first call of a process may take longer than this deadline.
      await until(async () => (await service.login(known, password)).statusCode === 200)
      t.equal((await service.login(known, password)).statusCode, 200)

      airtable.setFault({ kind })
      await openBreaker(service, airtable)

      for (const email of others.slice(0, 5)) {
        t.equal((await service.login(known, password)).statusCode, 200)
        const reply = await service.login(email, password)
        t.match(
          { status: reply.statusCode, code: reply.json().code },
          { status: 503, code: 'FL_UPSTREAM_UNAVAILABLE' },
        )
        t.ok(Number(reply.headers['retry-after']) >= 1, 'with Retry-After')
        const wrong = await service.login(known, 'wrong')
        t.equal(wrong.statusCode, 503, 'a failing login of a known person looks the same')
      }

      airtable.setFault({ kind: 'none' })
      await until(async () => (await service.login(others.at(-1) ?? '', password)).statusCode === 200)
    },
  )
}

t.test('rate_limit: one 429 and nobody calls for 30 s, on any instance', async (t) => {
  const { airtable, start } = await createWorld(t)
  const [first, second] = await Promise.all([start(), start()])
  const [known = '', stranger = ''] = await addPeople(airtable, 2, 'limits')
  t.equal((await first?.login(known, password))?.statusCode, 200)
  airtable.setFault({ kind: 'rate_limit' })
  t.equal((await first?.login(stranger, password))?.statusCode, 503)
  const { total } = airtable.calls()
  for (const service of [first, second, first, second]) {
    const reply = await service?.login(stranger, password)
    t.equal(reply?.statusCode, 503)
    const retryAfter = Number(reply?.headers['retry-after'])
    t.ok(retryAfter > 20 && retryAfter <= 30, `Retry-After: ${retryAfter}`)
    t.equal((await service?.login(known, password))?.statusCode, 200)
  }
  t.equal(airtable.calls().total, total, 'nobody called')
})

t.test('"Airtable-first users receive clear transient error."', async (t) => {
  const { airtable, start } = await createWorld(t)
  const { login } = await start()
  airtable.setFault({ kind: 'error_500' })
  const reply = await login('ada@example.com', 'analytical-engine')
  t.equal(reply.statusCode, 503)
  t.match(reply.headers, { 'content-type': /^application\/problem\+json/, 'retry-after': /^\d+$/ })
  t.match(reply.json(), { code: 'FL_UPSTREAM_UNAVAILABLE', status: 503, requestId: /./ })
})

/** Until a login is refused without a call. */
async function openBreaker({ login }: Service, airtable: AirtableStandIn): Promise<void> {
  let attempts = 0
  await until(async () => {
    const { total } = airtable.calls()
    const { statusCode } = await login(`opener${attempts++}@example.org`, 'x')
    return statusCode === 503 && attempts > 3 && airtable.calls().total === total
  })
}
