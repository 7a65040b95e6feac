import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createKeyRing } from '../../../domain/sealing.ts'
import { toSubscription } from '../../../plugins/feeds/sealed-subscriptions.ts'
import { holdCalls } from '../../support/held-calls.ts'
import { untilTrue } from '../../support/process.ts'
import { secret } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { createPing, openSubscribed, readingsOf, sendPing, sign } from './subscribed.ts'

t.test('pings', async (t) => {
  const { world, service, calls, row, untilStatus } = await openSubscribed(t, { pingOnCreate: false })
  const { airtable, sql } = world
  const [{ sealed } = {}] =
    await sql`select sealed_subscription as sealed from firstlogin.feeds where upstream = 'airtable'`
  const stored = { sealedSubscription: sealed as Buffer, cursor: 1 }
  const subscription = toSubscription(createKeyRing(secret, 'feeds'), 'airtable', stored)
  const own = { baseId: airtable.baseId, id: subscription.id }
  const key = subscription.secret
  const quiet = async () => {
    await airtable.webhooks.settled()
    // Longer than pings are gathered for; what was being read then is waited for.
    await sleep(400)
    await until(() => airtable.calls().calls.every(({ status }) => status > 0))
  }

  await t.test('that are forged, foreign, old, or no JSON are refused, and cause no call', async (t) => {
    await quiet()
    const readings = readingsOf(service)
    const before = await row()
    const ping = createPing(key, own)
    const stranger = Buffer.alloc(64, 1).toString('base64')
    const hours = 3_600_000
    const refused = {
      'signed by a stranger': createPing(stranger, own),
      'not signed': { ...ping, mac: '' },
      'with a byte changed': { ...ping, body: ping.body.replace('app', 'bpp') },
      'of another base': createPing(key, { ...own, baseId: 'appAnotherBase001' }),
      'of another webhook': createPing(key, { ...own, id: 'achAnotherHook001' }),
      'older than Airtable tries': createPing(key, { ...own, at: Date.now() - 27 * hours }),
      'without a time': createPing(key, own),
      'not JSON': { body: 'ping', mac: sign(key, 'ping') },
    }
    const timeless = JSON.stringify({ base: { id: own.baseId }, webhook: { id: own.id }, timestamp: 'soon' })
    refused['without a time'] = { body: timeless, mac: sign(key, timeless) }
    for (const [kind, sent] of Object.entries(refused)) {
      const { status, text } = await sendPing(service, sent)
      t.equal(status, 401, kind)
      t.match(text, 'FL_SIGNATURE_INVALID')
    }
    await quiet()
    t.equal(readingsOf(service), readings)
    t.same(await row(), before)
    t.same((await sendPing(service, createPing(key, own))).status, 204)
    const slow = createPing(key, { ...own, at: Date.now() - 25 * hours })
    t.same((await sendPing(service, slow)).status, 204, 'one that Airtable could not deliver for a day')
    const fast = createPing(key, { ...own, at: Date.now() + 300_000 })
    t.same(await sendPing(service, fast), { status: 204, text: '' }, 'by a clock that is ahead')
  })

  await t.test('that are spurious, repeated and coalesced are harmless', async (t) => {
    airtable.records.put('recPinged00000001', { Email: 'pinged@example.com', Name: 'One' })
    t.ok(await untilStatus('pinged@example.com', 'active'))
    await quiet()
    const effects = () => service.log.filter(({ event }) => event === 'upsert.conflict').length
    const known = { effects: effects(), cursor: (await row())['cursor'] as number }
    airtable.resetCalls()
    const ping = createPing(key, own)
    const held = holdCalls(airtable)
    t.equal((await sendPing(service, ping)).status, 204)
    await until(() => held.unanswered() === 1)
    const replies = await Promise.all(Array.from({ length: 99 }, () => sendPing(service, ping)))
    t.ok(replies.every(({ status }) => status === 204))
    held.end()
    await quiet()
    const payloadCalls = calls('/payloads')
    t.ok(payloadCalls <= 2, `${payloadCalls} calls for a hundred pings`)
    t.same({ effects: effects(), cursor: (await row())['cursor'] }, known)

    airtable.resetCalls()
    for (const name of ['Two', 'Three', 'Four']) airtable.records.put('recPinged00000001', { Name: name })
    t.ok(
      await untilTrue(async () => {
        const [user] =
          await sql`select name from firstlogin.users where email_canonical = 'pinged@example.com'`
        return user?.['name'] === 'Four'
      }),
    )
    await quiet()
    t.equal((await row())['cursor'], known.cursor + 3)
    t.equal(effects(), known.effects + 1, 'three edits, read once')
  })

  await t.test('that come while a reading is under way are not forgotten', async (t) => {
    const held = holdCalls(airtable)
    airtable.records.put('recPinged00000002', { Email: 'first@example.com' })
    await until(() => held.unanswered() === 1)
    airtable.records.put('recPinged00000003', { Email: 'second@example.com' })
    await airtable.webhooks.settled()
    held.end()
    t.ok(await untilStatus('first@example.com', 'active'))
    t.ok(await untilStatus('second@example.com', 'active'))
  })
})

t.test('a ping that comes before its secret is kept is sent again, and nothing waits for that', async (t) => {
  const { world, untilStatus } = await openSubscribed(t, { pingDelayMs: 0, pingRetryPauseMs: 300 })
  const { airtable } = world
  t.ok(await untilTrue(() => airtable.webhooks.deliveries().some(({ success }) => success)))
  const statuses = airtable.webhooks.deliveries().map(({ status }) => status)
  t.ok(statuses.every((status) => status === 204 || status === 401))
  t.ok(await untilStatus('ada@example.com', 'active'), 'everybody, from before there was a webhook')
})
