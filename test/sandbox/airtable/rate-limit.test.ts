import t from 'tap'
import { createHandClock, open } from './opened.ts'

const limited = {
  errors: [{ error: 'RATE_LIMIT_REACHED', message: 'Rate limit exceeded. Please try again later' }],
}

t.test(
  'the sixth call within a second is refused, and so is every call of the next 30 seconds',
  async (t) => {
    const clock = createHandClock()
    const { users, ask } = await open(t, { clock })
    for (let i = 0; i < 5; i += 1) t.equal((await ask('GET', users)).status, 200)
    const sixth = await ask('GET', users)
    t.equal(sixth.status, 429)
    t.equal(sixth.headers.get('retry-after'), null)
    t.strictSame(await sixth.json(), limited)

    clock.advance(29_999)
    t.equal((await ask('GET', users)).status, 429)
    clock.advance(1)
    t.equal((await ask('GET', users)).status, 200)
  },
)

t.test('five calls in every second are allowed for ever', async (t) => {
  const clock = createHandClock()
  const { standIn, users, ask } = await open(t, { clock })
  for (let i = 0; i < 20; i += 1) {
    t.equal((await ask('GET', users)).status, 200)
    clock.advance(200)
  }
  t.equal(standIn.calls().peakPerSecond, 5)
})

t.test('the limit is the base’s: addresses and tokens share it', async (t) => {
  const clock = createHandClock()
  const { standIn, users, ask } = await open(t, { clock })
  for (const path of [users, `${users}/recNope`, `/v0/meta/bases/${standIn.baseId}/tables`, users, users]) {
    t.not((await ask('GET', path)).status, 429)
  }
  t.equal((await ask('POST', `${users}/listRecords`)).status, 429)
  t.equal((await ask('GET', '/v0/meta/whoami')).status, 200)
})

t.test('a token has a limit of its own, of 50 calls a second', async (t) => {
  const clock = createHandClock()
  const { ask } = await open(t, { clock })
  for (let i = 0; i < 50; i += 1) t.equal((await ask('GET', '/v0/meta/whoami')).status, 200)
  t.equal((await ask('GET', '/v0/meta/whoami')).status, 429)
})

t.test('the fault rate_limit leaves its penalty behind', async (t) => {
  const clock = createHandClock()
  const { users, ask, setFault } = await open(t, { clock, retryAfterS: 30 })
  await setFault('rate_limit')
  const refused = await ask('GET', users)
  t.strictSame(await refused.json(), limited)
  t.equal(refused.headers.get('retry-after'), '30')
  await setFault('none')
  t.equal((await ask('GET', users)).status, 429)
  clock.advance(30_000)
  t.equal((await ask('GET', users)).status, 200)
})

t.test('DELETE /__control/fault forgives the penalty', async (t) => {
  const { users, ask, setFault } = await open(t)
  await setFault('rate_limit')
  t.equal((await ask('GET', users)).status, 429)
  await ask('DELETE', '/__control/fault')
  t.equal((await ask('GET', users)).status, 200)
})
