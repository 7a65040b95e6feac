import { createHmac } from 'node:crypto'
import t from 'tap'
import { until } from '../../support/until.ts'
import { openHooks, openReceiver } from './hooked.ts'
import { createHandClock } from './opened.ts'

const ada = 'recAdaLovelace001'
const quiet = { pingOnCreate: false }

t.test('a ping names base and webhook, and is signed with the decoded secret over its bytes', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, 200)
  const { standIn, register } = await openHooks(t, { ...quiet, clock: createHandClock() })
  const { id, macSecretBase64 } = await register({}, { notificationUrl })
  standIn.records.put(ada, { Name: 'Ada King' })
  await standIn.webhooks.settled()
  const body = { base: { id: standIn.baseId }, webhook: { id }, timestamp: '2026-11-20T10:00:00.000Z' }
  const text = JSON.stringify(body)
  const key = Buffer.from(macSecretBase64, 'base64')
  const mac = `hmac-sha256=${createHmac('sha256', key).update(text).digest('hex')}`
  t.strictSame(pings, [{ body: text, mac, contentType: 'application/json' }])
  t.match(standIn.webhooks.deliveries(), [{ webhookId: id, body: text, mac, status: 200, success: true }])
  t.match(standIn.webhooks.list(), [
    {
      lastSuccessfulNotificationTime: '2026-11-20T10:00:00.000Z',
      lastNotificationResult: { success: true, durationMs: Number, retryNumber: 0 },
    },
  ])
})

t.test('news that comes together is pinged once, unless every payload shall have its own ping', async (t) => {
  for (const [pingDelayMs, count] of [
    [20, 1],
    [0, 3],
  ] as const) {
    const { pings, notificationUrl } = await openReceiver(t, 204)
    const { standIn, register } = await openHooks(t, { ...quiet, pingDelayMs })
    await register({}, { notificationUrl })
    for (const Name of ['a', 'b', 'c']) standIn.records.put(ada, { Name })
    await standIn.webhooks.settled()
    t.equal(pings.length, count)
    standIn.records.put(ada, { Name: 'later' })
    await standIn.webhooks.settled()
    t.equal(pings.length, count + 1)
  }
})

t.test('pings can come twice, and for no reason', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, 200)
  const { standIn, register } = await openHooks(t, { ...quiet, pingCopies: 2 })
  const { id } = await register({}, { notificationUrl })
  standIn.webhooks.ping(id)
  await standIn.webhooks.settled()
  t.equal(pings.length, 2)
  t.strictSame(pings[0], pings[1])
  t.match(standIn.webhooks.list(), [{ cursorForNextPayload: 1 }])
})

t.test('a new webhook is pinged before there is news', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, 200)
  const { standIn, register } = await openHooks(t)
  await register({}, { notificationUrl })
  await standIn.webhooks.settled()
  t.equal(pings.length, 1)
})

t.test('an edit that is not in scope pings nobody, an invalid hook pings once more', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, 200)
  const { standIn, register } = await openHooks(t, quiet)
  await register({ watchDataInFieldIds: ['fldUsersName00001'] }, { notificationUrl })
  standIn.records.put(ada, { Email: 'countess@example.com' })
  await standIn.webhooks.settled()
  t.equal(pings.length, 0)
  standIn.webhooks.removeField('Name')
  await standIn.webhooks.settled()
  t.equal(pings.length, 1)
})

t.test('anything but 200 and 204 is retried after ten seconds, with the same bytes', async (t) => {
  for (const status of [201, 302, 401, 503]) {
    const { notificationUrl } = await openReceiver(t, status)
    const { standIn, register } = await openHooks(t, quiet)
    const { id } = await register({}, { notificationUrl })
    standIn.webhooks.ping(id)
    await standIn.webhooks.settled()
    t.match(standIn.webhooks.deliveries(), [{ status, success: false, retryNumber: 0, retryInMs: 10_000 }])
    t.match(standIn.webhooks.list(), [
      {
        areNotificationsEnabled: true,
        lastSuccessfulNotificationTime: null,
        lastNotificationResult: {
          success: false,
          willBeRetried: true,
          error: { message: `The HTTP request returned a ${status} status code instead of 200 or 204` },
        },
      },
    ])
  }
  const { pings, notificationUrl } = await openReceiver(t, 500, 200)
  const { standIn, register } = await openHooks(t, { ...quiet, pingRetryPauseMs: 1 })
  await register({}, { notificationUrl })
  standIn.records.put(ada, { Name: 'Ada King' })
  await until(() => pings.length === 2)
  await standIn.webhooks.settled()
  t.strictSame(pings[0], pings[1])
  t.match(standIn.webhooks.deliveries(), [{ success: false }, { success: true, retryNumber: 1 }])
})

t.test('after 13 retries notifications are off, payloads go on, and enabling them helps', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, ...Array.from({ length: 14 }, () => 500), 200)
  const { ask, hooks, standIn, read, register } = await openHooks(t, { ...quiet, pingRetryPauseMs: 2 ** -7 })
  const { id } = await register({}, { notificationUrl })
  standIn.records.put(ada, { Name: 'Once' })
  await until(() => standIn.webhooks.list()[0]?.areNotificationsEnabled === false)
  t.equal(pings.length, 14)
  const pauses = standIn.webhooks.deliveries().map(({ retryInMs }) => retryInMs)
  t.strictSame(pauses, [...Array.from({ length: 13 }, (_, i) => 2 ** (i - 7)), undefined])
  t.match(standIn.webhooks.list(), [
    { isHookEnabled: true, lastNotificationResult: { willBeRetried: false } },
  ])

  standIn.records.put(ada, { Name: 'Twice' })
  await standIn.webhooks.settled()
  t.equal(pings.length, 14)
  t.match(await read(id), { payloads: [{}, {}], cursor: 3 })

  const answer = await ask('POST', `${hooks}/${id}/enableNotifications`, { enable: true })
  t.equal(answer.status, 200)
  t.equal(await answer.text(), '')
  standIn.records.put(ada, { Name: 'Thrice' })
  await standIn.webhooks.settled()
  t.equal(pings.length, 15)
  t.match(standIn.webhooks.list(), [
    { areNotificationsEnabled: true, lastNotificationResult: { success: true } },
  ])
})

t.test(
  'an answer that does not come in time is a failure, and so is an address without a server',
  async (t) => {
    const { notificationUrl } = await openReceiver(t, 0)
    const waiting = await openHooks(t, { ...quiet, pingTimeoutMs: 1 })
    const refused = await openHooks(t, quiet)
    for (const [{ standIn, register }, address, error] of [
      [waiting, notificationUrl, 'The HTTP request timed out'],
      [refused, 'http://127.0.0.1:1/ping', 'The HTTP request failed'],
    ] as const) {
      const { id } = await register({}, { notificationUrl: address })
      standIn.webhooks.ping(id)
      await standIn.webhooks.settled()
      t.match(standIn.webhooks.deliveries(), [{ webhookId: id, error, retryInMs: 10_000 }])
    }
  },
)

t.test('muted webhooks gather payloads in silence', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, 200)
  const { ask, hooks, standIn, read, register } = await openHooks(t, quiet)
  const byAirtable = await register({}, { notificationUrl })
  const byHand = await register({}, { notificationUrl })
  standIn.webhooks.mute(byAirtable.id)
  await ask('POST', `${hooks}/${byHand.id}/enableNotifications`, { enable: false })
  standIn.records.put(ada, { Name: 'Ada King' })
  await standIn.webhooks.settled()
  t.equal(pings.length, 0)
  for (const { id } of [byAirtable, byHand]) t.equal((await read(id)).payloads.length, 1)
})

t.test('no ping survives its webhook, or the stand-in', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, 500)
  const { standIn, register } = await openHooks(t, { ...quiet, pingRetryPauseMs: 5 })
  const dropped = await register({}, { notificationUrl })
  const left = await register({}, { notificationUrl })
  standIn.records.put(ada, { Name: 'gathered' })
  standIn.webhooks.drop(dropped.id)
  await until(() => pings.length > 0)
  await standIn.close()
  const { length } = pings
  standIn.records.put(ada, { Name: 'after all' })
  await standIn.webhooks.settled()
  t.equal(pings.length, length)
  t.notOk(standIn.webhooks.deliveries().some(({ webhookId }) => webhookId !== left.id))
})

t.test('close does not wait for a ping that hangs', async (t) => {
  const { pings, notificationUrl } = await openReceiver(t, 0)
  const { standIn, register } = await openHooks(t, quiet)
  const { id } = await register({}, { notificationUrl })
  standIn.webhooks.ping(id)
  await until(() => pings.length === 1)
  await standIn.close()
  await standIn.webhooks.settled()
  t.strictSame(standIn.webhooks.deliveries(), [])
})
