import type { Test } from 'tap'
import { signAirtable } from '../../../domain/signature/airtable.ts'
import { createBase64Key, createTextKey } from '../../../domain/signature/keys.ts'
import { signPlain } from '../../../domain/signature/plain.ts'
import { signStandard } from '../../../domain/signature/standard.ts'
import { createAirtableStandIn } from '../../../sandbox/airtable/stand-in.ts'
import airtable from '../../../upstreams/airtable/index.ts'
import type { Subject, WebhookSample } from '../../../upstreams/kit/index.ts'
import { settingsOf, standUp } from './stood.ts'

const token = 'patKit.0123456789abcdef'
const secret = 'the word of the automation'
const key = createTextKey(secret)
const occurredAt = '2026-11-20T10:00:00.000Z'

function toBody(eventType: string, user: object): string {
  return JSON.stringify({
    eventId: `evt ${eventType} ${JSON.stringify(user).length}`,
    eventType,
    occurredAt,
    user,
  })
}

function plain(name: string, body: string, by = key) {
  return { name, body, headers: { 'x-signature': signPlain(Buffer.from(body), by) } }
}

function standard(name: string, body: string, at: number) {
  return { name, body, headers: signStandard(Buffer.from(body), key, { id: `msg_${name.length}`, at }) }
}

const ada = { id: 'recAdaLovelace001', email: 'ada@example.com', name: 'Ada Lovelace', role: 'Admin' }
const created = toBody('user.created', { ...ada, passwordHash: '$2b$10$khebYwJ5Ojv.tFFwGpD0rOdyrTH1M49Va' })
const updated = toBody('user.updated', { email: 'grace@example.com', status: 'Disabled' })
const deleted = toBody('user.deleted', { id: ada.id })
const samples: WebhookSample[] = [
  { ...plain('created', created), tells: [`user.upserted ${ada.id}`] },
  { ...standard('updated', updated, Date.now()), tells: ['user.upserted mailto:grace@example.com'] },
  { ...plain('deleted', deleted), tells: [`user.deleted ${ada.id}`] },
  { ...plain('of another kind', toBody('user.renamed', {})), tells: [] },
  { ...plain('nobody', toBody('user.created', { email: 'nobody' })), tells: [], refusal: 'FL_EMAIL_INVALID' },
]

export async function openAirtable(t: Test): Promise<Subject> {
  const standIn = createAirtableStandIn({ token, rateLimit: false, pingOnCreate: false })
  const { apiUrl, ...stood } = await standUp(t, standIn)
  return {
    ...stood,
    definition: airtable,
    settings: settingsOf(airtable, {
      AIRTABLE_TOKEN: token,
      AIRTABLE_BASE_ID: standIn.baseId,
      AIRTABLE_TABLE: 'Users',
      AIRTABLE_API_URL: apiUrl,
      AIRTABLE_USER_SYNC_SECRET: [secret],
    }),
    secrets: [token, secret],
    people: [
      { id: ada.id, email: ada.email, word: ada.name },
      { id: 'recGraceHopper001', email: 'Grace@Example.com' },
      { id: 'recMaryOBrien0001', email: "o'brien@example.com" },
    ],
    stranger: { id: 'recNobodyNobody00', email: 'nobody@example.com' },
    webhook: {
      samples,
      forged: [
        plain('by another word', created, createTextKey('another word')),
        standard('of yesterday', created, Date.now() - 86_400_000),
      ],
      proof: ['x-signature', 'webhook-id', 'webhook-timestamp', 'webhook-signature'],
    },
    feed: {
      url: 'https://login.example.com/api/sync/airtable/notifications',
      ping({ id, secret: mac }) {
        const timestamp = new Date().toISOString()
        const body = JSON.stringify({ base: { id: standIn.baseId }, webhook: { id }, timestamp })
        const signature = signAirtable(Buffer.from(body), createBase64Key(mac))
        return { body, headers: { 'x-airtable-content-mac': signature } }
      },
      happen() {
        const id = 'recHappened000001'
        standIn.records.put(id, { Email: 'happened@example.com' })
        return id
      },
    },
  }
}
