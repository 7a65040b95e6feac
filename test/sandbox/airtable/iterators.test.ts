import t, { type Test } from 'tap'
import { createHandClock, open } from './opened.ts'
import { idsOf, listingOf } from './target.ts'

async function openPaged(t: Test) {
  const clock = createHandClock()
  const opened = await open(t, { clock, rateLimit: false })
  const ask = (offset?: string) => opened.ask('POST', `${opened.users}/listRecords`, { pageSize: 3, offset })
  const page = async (offset?: string) => listingOf(await (await ask(offset)).json())
  return { standIn: opened.standIn, clock, ask, page }
}

t.test('a listing shows the base as it was when the listing began', async (t) => {
  const { standIn, page } = await openPaged(t)
  const first = await page()
  standIn.records.put('recAdaLovelace001', { Name: 'Renamed' })
  standIn.records.remove('recTwinLowercase1')
  standIn.records.put('recNewPerson00001', { Email: 'new@example.com' })
  const second = await page(first.offset)
  const third = await page(second.offset)
  t.strictSame(
    [first, second, third].map(({ records }) => records.length),
    [3, 3, 1],
  )
  t.ok(idsOf(second).includes('recTwinLowercase1'))
  t.equal(third.offset, undefined)
})

t.test('a listing that has rested too long must start again', async (t) => {
  const { standIn, clock, ask, page } = await openPaged(t)
  const first = await page()
  clock.advance(4 * 60_000)
  const second = await page(first.offset)
  clock.advance(6 * 60_000)
  const late = await ask(second.offset)
  t.equal(late.status, 422)
  t.match(await late.json(), { error: { type: 'LIST_RECORDS_ITERATOR_NOT_AVAILABLE' } })

  const other = await page()
  standIn.expireIterators()
  t.equal((await ask(other.offset)).status, 422)
})

t.test('an offset that was never given out is refused', async (t) => {
  const { ask, page } = await openPaged(t)
  const first = await page()
  const [iterator] = String(first.offset).split('/')
  for (const offset of [
    '3',
    'itr/rec',
    'itrNeverGivenOut1/recAdaLovelace001',
    `${iterator}/recNeverGivenOut1`,
  ]) {
    const answer = await ask(offset)
    t.equal(answer.status, 422)
    t.match(await answer.json(), {
      error: { type: 'INVALID_OFFSET_VALUE', message: `The value of offset ${offset} is invalid` },
    })
  }
})
