import { Compile } from 'typebox/compile'
import type { Change } from '../../domain/change.ts'
import { getHeader } from '../../domain/signature/headers.ts'
import { refuse } from '../../domain/signature/refuse.ts'
import { createSignatureKeys, verifySignature } from '../../domain/signature.ts'
import { FirstloginError } from '../../errors.ts'
import { readAnswer } from '../answers.ts'
import { Refusal } from '../calls.ts'
import { type Feed, HttpFailure, type Subscription, type UpstreamContext } from '../upstream.ts'
import { createAirtableCalls } from './calls.ts'
import type { AirtableClient } from './client.ts'
import { mostIds } from './directory.ts'
import type { AirtableEnv } from './env.ts'
import { questionFormula } from './formula.ts'
import { toChanges } from './mapping.ts'
import { CreatedWebhook, type Payload, PayloadPage, Ping, TableList, WebhookList } from './webhook-answers.ts'

const createdWebhook = Compile(CreatedWebhook)
const webhookList = Compile(WebhookList)
const payloadPage = Compile(PayloadPage)
const tableList = Compile(TableList)
const ping = Compile(Ping)

const hourMs = 3_600_000
/** A webhook lives for seven days; it is renewed when half of them are over. */
const renewalMs = 84 * hourMs
/** Airtable tries to deliver a ping for about a day. */
const oldestPingMs = 26 * hourMs
/** What Airtable says of a webhook that is gone. */
const gone = ['NOT_FOUND', 'MODEL_ID_NOT_FOUND', 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND']

const unable = 'The token needs the scope webhook:manage, and its owner the role Creator in the base.'
/** Why Airtable makes no webhook, and what to do about it. */
const refusals: Record<string, string> = {
  TOO_MANY_WEBHOOKS_IN_BASE: 'The base has all the webhooks that Airtable allows it, ten: delete one.',
  INVALID_NOTIFICATION_URL: 'Airtable does not take the address: BASE_URL has to be public.',
  INVALID_PERMISSIONS: unable,
  INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND: unable,
}

/** Airtable's native webhooks: a ping is a wake-up, its payloads name records, and those are read again by REST. */
export function createFeed(client: AirtableClient, env: AirtableEnv, context: UpstreamContext): Feed {
  const { clock, log } = context
  const { call } = createAirtableCalls({ apiUrl: env.AIRTABLE_API_URL, token: env.AIRTABLE_TOKEN }, context)
  const webhooks = `/bases/${env.AIRTABLE_BASE_ID}/webhooks`

  /** A table's id does not change with its name. Undefined where the token may not ask: then all tables are heard. */
  async function findTableId(): Promise<string | undefined> {
    if (/^tbl[A-Za-z0-9]{14}$/.test(env.AIRTABLE_TABLE)) return env.AIRTABLE_TABLE
    try {
      const path = `/meta/bases/${env.AIRTABLE_BASE_ID}/tables`
      const expected = ['NOT_FOUND', 'INVALID_PERMISSIONS', 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND']
      const { tables } = await call({ method: 'GET', path, answer: tableList, expected })
      return tables.find(({ name }) => name === env.AIRTABLE_TABLE)?.id
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  }

  async function list(expected: string[] = []) {
    return (await call({ method: 'GET', path: webhooks, answer: webhookList, expected })).webhooks
  }

  async function remove(id: string): Promise<void> {
    await call({ method: 'DELETE', path: `${webhooks}/${id}`, expected: gone }).catch(ignoreRefusal)
  }

  async function subscribe(url: string): Promise<Subscription> {
    try {
      return await create(url)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const detail = refusals[error.type]
      throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE', { cause: error, ...(detail && { detail }) })
    }
  }

  async function create(url: string): Promise<Subscription> {
    const expected = Object.keys(refusals)
    // What an attempt left behind that was cut off before its secret was kept.
    for (const { id, notificationUrl } of await list(expected)) if (notificationUrl === url) await remove(id)
    const recordChangeScope = await findTableId()
    const filters = { dataTypes: ['tableData'], ...(recordChangeScope && { recordChangeScope }) }
    const { id, macSecretBase64 } = await call({
      method: 'POST',
      path: webhooks,
      body: { notificationUrl: url, specification: { options: { filters } } },
      answer: createdWebhook,
      expected,
    })
    return { id, secret: macSecretBase64, cursor: 1 }
  }

  async function renew({ id }: Subscription, url: string): Promise<'kept' | 'lost'> {
    const own = (await list()).find((webhook) => webhook.id === id)
    const livesUntil = Date.parse(own?.expirationTime ?? '')
    const isAlive = own?.isHookEnabled !== false && !(livesUntil <= clock())
    if (!own || !isAlive || own.notificationUrl !== url) return 'lost'
    try {
      if (own.areNotificationsEnabled === false) {
        const path = `${webhooks}/${id}/enableNotifications`
        await call({ method: 'POST', path, body: { enable: true }, expected: gone })
      }
      if (livesUntil - clock() < renewalMs)
        await call({ method: 'POST', path: `${webhooks}/${id}/refresh`, body: {}, expected: gone })
      return 'kept'
    } catch (error) {
      if (error instanceof Refusal) return 'lost'
      throw error
    }
  }

  async function read({ id, cursor }: Subscription) {
    try {
      const page = await readPayloads(id, cursor)
      const broken = page.payloads.findIndex(({ error }) => error)
      if (broken === 0) {
        log('error', 'airtable.webhook_broken', { code: toWord(page.payloads[0]?.code) })
        return 'lost' as const
      }
      const first = page.cursor - page.payloads.length
      // What came before it broke is news all the same.
      const payloads = broken < 0 ? page.payloads : page.payloads.slice(0, broken)
      const changes = payloads.flatMap((payload, index) => toLifecycle(payload, `${id} ${first + index}`))
      changes.push(...(await readAgain([...new Set(payloads.flatMap(touchedRecords))])))
      return { changes, cursor: first + payloads.length, hasMore: broken > 0 || page.mightHaveMore }
    } catch (error) {
      if (error instanceof Refusal) return 'lost' as const
      throw error
    }
  }

  /** Fewer at once where the changed cells of fifty payloads are more than we take. */
  async function readPayloads(id: string, cursor: number, limit = 50): Promise<PayloadPage> {
    const path = `${webhooks}/${id}/payloads?cursor=${cursor}&limit=${limit}`
    try {
      return await call({ method: 'GET', path, answer: payloadPage, expected: gone })
    } catch (error) {
      if (limit === 1 || !isOversize(error)) throw error
      return readPayloads(id, cursor, Math.floor(limit / 7))
    }
  }

  /** Cells in payloads have another form than elsewhere, and may be old: what counts is the record as it is now. */
  async function readAgain(ids: string[]): Promise<Change[]> {
    const changes: Change[] = []
    for (let from = 0; from < ids.length; from += mostIds) {
      const externalIds = ids.slice(from, from + mostIds)
      const column = env.AIRTABLE_FIELDS.email
      let readAt = 0
      const records = await client.listRecords(() => {
        readAt = clock()
        return {
          filterByFormula: questionFormula(column, { emails: [], externalIds }),
          fields: Object.values(env.AIRTABLE_FIELDS),
        }
      })
      changes.push(...records.flatMap((record) => toChanges(record, env, readAt, log)))
    }
    return changes
  }

  return {
    path: '/airtable/notifications',
    signatureHeader: 'x-airtable-content-mac',
    summary: "Airtable's pings: there is news",
    verifyHeaders: (headers) => void getHeader(headers, 'x-airtable-content-mac'),
    verifyPing(bytes, headers, { id, secret }) {
      verifySignature(bytes, headers, createSignatureKeys({ airtable: [secret] }), clock())
      const body = readAnswer(ping, bytes.toString('utf8')) ?? refuse('the body is not a ping')
      if (body.base.id !== env.AIRTABLE_BASE_ID || body.webhook.id !== id) refuse('the ping is for another')
      const age = clock() - Date.parse(body.timestamp)
      if (!(age <= oldestPingMs)) refuse('the ping is too old')
    },
    subscribe,
    unsubscribe: remove,
    renew,
    read,
  }
}

/** That records came and went is news of the payload's time. */
function toLifecycle({ timestamp, changedTablesById = {} }: Payload, event: string): Change[] {
  const stamp = { at: Date.parse(timestamp ?? ''), event }
  if (Number.isNaN(stamp.at)) return []
  return Object.values(changedTablesById).flatMap(({ createdRecordsById = {}, destroyedRecordIds = [] }) => [
    ...toIds(createdRecordsById).map((externalId): Change => {
      return { type: 'user.upserted', upstream: 'airtable', externalId, created: true, fields: {}, stamp }
    }),
    ...destroyedRecordIds.map((externalId): Change => {
      return { type: 'user.deleted', upstream: 'airtable', externalId, stamp }
    }),
  ])
}

function touchedRecords({ changedTablesById = {} }: Payload): string[] {
  return Object.values(changedTablesById).flatMap(({ createdRecordsById = {}, changedRecordsById = {} }) => [
    ...toIds(createdRecordsById),
    ...toIds(changedRecordsById),
  ])
}

/** It goes into the log: whatever else stands in its place stays out. */
function toWord(code: string | undefined): string | undefined {
  return code !== undefined && /^[A-Z_]{1,64}$/.test(code) ? code : undefined
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Refusal)) throw error
}

/** A schema of keys by pattern lets others through. */
function toIds(records: Record<string, unknown>): string[] {
  return Object.keys(records).filter((id) => /^rec[A-Za-z0-9]{14}$/.test(id))
}

function isOversize(error: unknown): boolean {
  if (error instanceof HttpFailure) return error.kind === 'oversize'
  return error instanceof Error && isOversize(error.cause)
}
