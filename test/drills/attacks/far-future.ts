import { createHmac } from 'node:crypto'
import type { Attack, Row } from './support/attack.ts'
import { atMost } from './support/attack.ts'

const syncSecret = 'a secret of the drill that signs user events'
const owner = { id: 'recAdaLovelace001', email: 'ada@example.com', role: 'owner', status: 'active' }

/** A sender who has the secret once dates an event so that nothing comes after it. */
export default {
  name: 'far-future',
  async run({ createWorld }) {
    const world = await createWorld()
    const target = await world.start({
      USER_WEBHOOK_SYNC_ENABLED: 'true',
      AIRTABLE_USER_SYNC_SECRET: syncSecret,
    })
    const request = (method: 'POST' | 'PATCH', path: string, body: string, headers: Record<string, string>) =>
      fetch(target.url + path, { method, headers: { 'content-type': 'application/json', ...headers }, body })
    const post = (path: string, body: string, headers: Record<string, string>) =>
      request('POST', path, body, headers)
    const send = (eventId: string, at: number, user: object = owner) => {
      const occurredAt = new Date(at).toISOString()
      const body = JSON.stringify({ eventId, eventType: 'user.updated', occurredAt, user })
      const signature = createHmac('sha256', syncSecret).update(body).digest('hex')
      return post('/api/sync/users/inbound', body, { 'x-signature': signature })
    }
    const login = (email: string, password: string) =>
      post('/api/auth/login', JSON.stringify({ email, password }), {})

    const first = await login('ada@example.com', 'analytical-engine')
    const { user } = (await first.json()) as { user: { id: string } }
    const ahead = [Date.UTC(9999, 11, 31), Date.now() + 3_600_000, Date.now() + 301_000]
    const answers = await Promise.all(ahead.map((at, index) => send(`evt_ahead_${index}`, at)))
    const taken = answers.filter(({ ok }) => ok).length
    const [row] = await world.sql<{ owners: number }[]>`
      select count(*)::int as owners from firstlogin.users where role = 'owner'`

    // An operator takes the access away; the sender gives it back with every event that is in time.
    await send('evt_owner', Date.now() - 60_000, {
      ...owner,
      id: 'recGraceHopper001',
      email: 'Grace@Example.com',
    })
    const boss = await login('Grace@Example.com', 'nanoseconds-matter')
    const { accessToken } = (await boss.json()) as { accessToken: string }
    const authorization = `Bearer ${accessToken}`
    await request('PATCH', `/api/admin/users/${user.id}`, '{"status":"disabled","role":"viewer"}', {
      authorization,
    })
    for (let turn = 0; turn < 20; turn += 1) await send(`evt_${turn}`, Date.now() + turn * 1000)
    const [ada] = await world.sql<{ status: string; role: string }[]>`
      select status, role from firstlogin.users where id = ${user.id}`
    const last = await login('ada@example.com', 'analytical-engine')
    return [
      atMost('events more than five minutes ahead that are accepted', taken, 0),
      atMost('owners made by them', row?.owners ?? -1, 0),
      {
        attack: '20 later events against an override',
        figure: `${ada?.status}, ${ada?.role}, login ${last.status}`,
        limit: 'disabled, viewer, login 403',
        verdict:
          ada?.status === 'disabled' && ada.role === 'viewer' && last.status === 403 ? 'held' : 'failed',
      },
    ] satisfies Row[]
  },
} satisfies Attack
