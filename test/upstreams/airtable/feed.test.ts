import t, { type Test } from 'tap'
import { Value } from 'typebox/value'
import { AirtableEnv } from '../../../upstreams/airtable/env.ts'
import { createFeed } from '../../../upstreams/airtable/feed.ts'
import type { Http, HttpResponse } from '../../../upstreams/upstream.ts'
import { type ClientOptions, openClient, token } from './called.ts'

const url = 'https://login.example.com/api/sync/airtable/notifications'
const dayMs = 86_400_000
const idOf = (number: number) => `recFeed${String(number).padStart(10, '0')}`

/** A feed on a stand-in; `change` may turn an answer into another one. */
async function openFeed(t: Test, options: ClientOptions & { table?: string } = {}) {
  let change = (_path: string, answer: HttpResponse): HttpResponse => answer
  const opened = await openClient(t, { pingOnCreate: false, ...options })
  const { standIn, pool, context } = opened
  const http: Http = async (request) =>
    change(new URL(request.url).pathname, await (options.http ?? pool.http)(request))
  const env = Value.Parse(
    AirtableEnv,
    Value.Default(AirtableEnv, {
      AIRTABLE_TOKEN: token,
      AIRTABLE_BASE_ID: standIn.baseId,
      AIRTABLE_TABLE: 'Users',
      AIRTABLE_API_URL: opened.apiUrl,
    }),
  )
  const feed = createFeed(opened.client, env, { ...context, http })
  return {
    ...opened,
    feed,
    hook: () => standIn.webhooks.list()[0],
    answerWith: (other: typeof change) => void (change = other),
    /** Of the first page of news that there are. */
    async read(cursor = 1) {
      const page = await feed.read({ id: standIn.webhooks.list()[0]?.id ?? '', secret: '', cursor })
      if (page === 'lost') throw new Error('It is lost.')
      return page
    },
    calls: (part: string) =>
      standIn
        .calls()
        .calls.filter(({ path }) => path.includes(part))
        .reduce((sum, { count }) => sum + count, 0),
  }
}

t.test('a subscription hears of one table, and takes the place of one at the same address', async (t) => {
  const { feed, hook, standIn } = await openFeed(t)
  const first = await feed.subscribe(url)
  const second = await feed.subscribe(url)
  t.not(second.id, first.id)
  t.equal(standIn.webhooks.list().length, 1)
  t.same(hook()?.specification.options.filters, {
    dataTypes: ['tableData'],
    recordChangeScope: 'tblSandboxUsers01',
  })
  await feed.unsubscribe(second.id)
  await feed.unsubscribe(second.id)
  t.same(standIn.webhooks.list(), [])
})

t.test('why there is no subscription is said so that somebody can act on it', async (t) => {
  const { feed, answerWith, reports } = await openFeed(t)
  for (let hooks = 0; hooks < 10; hooks++) await feed.subscribe(`${url}?${hooks}`)
  const code = 'FL_UPSTREAM_UNAVAILABLE'
  await t.rejects(feed.subscribe(url), { code, detail: /ten: delete one/ })
  const body = JSON.stringify({ error: { type: 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND' } })
  answerWith(() => ({ status: 403, headers: {}, body }))
  await t.rejects(feed.subscribe(url), { code, detail: /webhook:manage.*Creator/ })
  t.notOk(reports.includes('failed'), 'it is not held against Airtable')
})

t.test('renewal', async (t) => {
  const { feed, standIn, hook, calls } = await openFeed(t)
  const livesForDays = () => (Date.parse(hook()?.expirationTime ?? '') - Date.now()) / dayMs
  const own = await feed.subscribe(url)
  t.equal(await feed.renew(own, url), 'kept')
  t.equal(calls('/refresh'), 0, 'a young one needs none')
  standIn.webhooks.age(4 * dayMs)
  standIn.webhooks.mute(own.id)
  t.equal(await feed.renew(own, url), 'kept')
  t.ok(livesForDays() > 6.9)
  t.ok(hook()?.areNotificationsEnabled)
  t.equal(await feed.renew(own, 'https://new.example.com'), 'lost', 'firstlogin has moved')
  standIn.webhooks.expire(own.id)
  t.equal(await feed.renew(own, url), 'lost')
  const disabled = await feed.subscribe(url)
  standIn.webhooks.disable(disabled.id)
  t.equal(await feed.renew(disabled, url), 'lost')
  standIn.webhooks.drop(disabled.id)
  t.equal(await feed.renew(disabled, url), 'lost')
  t.equal(await feed.read(disabled), 'lost')
})

t.test(
  'actions that come as several payloads each are read again together, ninety records to a call',
  async (t) => {
    const { feed, standIn, read, calls, apiUrl } = await openFeed(t, { recordsPerPayload: 3 })
    await feed.subscribe(url)
    for (let batch = 0; batch < 10; batch++) await create(batch)
    standIn.resetCalls()
    const page = await read()
    const found = page.changes.filter((change) => change.type === 'user.upserted' && change.fields.email)
    t.equal(new Set(found.map(({ externalId }) => externalId)).size, 100)
    t.match(page, { cursor: 41, hasMore: false })
    t.equal(calls(''), 3, 'one for forty payloads, two for a hundred records')

    async function create(batch: number) {
      const records = Array.from({ length: 10 }, (_, number) => ({
        fields: { Email: `batch${batch}-${number}@example.com` },
      }))
      await fetch(`${apiUrl}/v0/${standIn.baseId}/Users`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ records }),
      })
    }
  },
)

t.test('who was destroyed and restored is created later than deleted', async (t) => {
  const { feed, standIn, read } = await openFeed(t)
  await feed.subscribe(url)
  const id = idOf(1)
  standIn.records.put(id, { Email: 'again@example.com' })
  standIn.records.remove(id)
  await new Promise((resolve) => setTimeout(resolve, 5))
  standIn.records.put(id, { Email: 'again@example.com' })
  const { changes } = await read()
  const deleted = changes.find(({ type }) => type === 'user.deleted')
  const created = changes.findLast((change) => change.type === 'user.upserted' && change.created)
  t.ok((created?.stamp.at ?? 0) > (deleted?.stamp.at ?? 0))
  t.match(changes.at(-1), { type: 'user.upserted', externalId: id, fields: { email: 'again@example.com' } })
})

t.test('of a webhook that broke, what came before is read, and then it is lost', async (t) => {
  const { feed, standIn, read, answerWith, logged } = await openFeed(t)
  const own = await feed.subscribe(url)
  for (let number = 0; number < 3; number++)
    standIn.records.put(idOf(number), { Email: `feed${number}@example.com` })
  answerWith((path, answer) => {
    if (!path.endsWith('/payloads')) return answer
    const page = JSON.parse(answer.body) as { payloads: object[]; cursor: number }
    const payloads = [...page.payloads, { error: true, code: 'INVALID_HOOK' }]
    return { ...answer, body: JSON.stringify({ ...page, payloads, cursor: page.cursor + 1 }) }
  })
  const page = await read()
  t.match(page, { cursor: 4, hasMore: true })
  t.ok(page.changes.length >= 3)
  t.equal(await feed.read({ ...own, cursor: 4 }), 'lost')
  t.match(logged.at(-1), { event: 'airtable.webhook_broken', code: 'INVALID_HOOK' })
})

t.test('while Airtable is away nothing is lost', async (t) => {
  const { feed, standIn } = await openFeed(t)
  const own = await feed.subscribe(url)
  for (const kind of ['error_500', 'reset', 'malformed', 'unauthorized'] as const) {
    standIn.setFault({ kind })
    const code = 'FL_UPSTREAM_UNAVAILABLE'
    await t.rejects(feed.read(own), { code }, kind)
    await t.rejects(feed.renew(own, url), { code }, kind)
    await t.rejects(feed.subscribe(url), { code }, kind)
    standIn.heal()
    t.match(await feed.read(own), { cursor: 1 })
  }
})
