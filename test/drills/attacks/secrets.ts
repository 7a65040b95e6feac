import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { root } from '../../support/built.ts'
import { type Sender, senderSettings, senders } from '../../support/webhook-senders.ts'
import type { Attack, Row } from './support/attack.ts'
import { secret as old, type Target, type World } from './support/world.ts'

const perSecond = 200
/** A machine that is too slow for the rate gets fewer requests, and the figure says so. */
const maxUnderWay = 64
const fresh = 'a newer secret for drills of at least 32 bytes'
const BASE_URL = 'http://127.0.0.1:3000'

/** Sends one request to an instance; answers whether it was accepted. */
type Send = (url: string) => Promise<boolean>

/** No attack: each secret is replaced, instance by instance, at 200 requests a second. */
export default {
  name: 'secrets',
  async run({ createWorld, isShort, say }) {
    const stageMs = isShort ? 2_000 : 10_000
    const rows: Row[] = []
    rows.push(await rotateOwn(await createWorld(), stageMs))
    for (const sender of senders) {
      say(sender.setting)
      rows.push(await rotateWebhook(await createWorld(), sender, stageMs))
    }
    return rows
  },
} satisfies Attack

/** Requests at an even rate, as far as the machine keeps up, spread over the instances that serve. */
function startLoad(first: Target, send: () => Send) {
  let serving = [first]
  let sent = 0
  const failures: string[] = []
  const underWay = new Set<Promise<void>>()
  const began = performance.now()
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond)
    while (sent < due && underWay.size < maxUnderWay) {
      const { url } = serving[(sent += 1) % serving.length] as Target
      const request = send()(url)
        .then((isOk) => void (isOk || failures.push('refused')))
        .catch((error: unknown) => void failures.push(String(error)))
        .finally(() => underWay.delete(request))
      underWay.add(request)
    }
  }, 5)
  return {
    async replace(target: Target, ms: number): Promise<void> {
      const before = serving
      serving = [...before, target]
      await sleep(ms)
      serving = [target]
      await Promise.all(underWay)
      await Promise.all(before.map((one) => one.stop()))
      await sleep(ms)
    },
    async stop(attack: string): Promise<Row> {
      clearInterval(timer)
      await Promise.all(underWay)
      const rate = Math.round(sent / ((performance.now() - began) / 1000))
      return {
        attack,
        figure: `${failures.length} of ${sent} at ${rate}/s${failures[0] ? `, the first: ${failures[0]}` : ''}`,
        limit: '0 failures',
        verdict: failures.length === 0 ? 'held' : 'failed',
      }
    },
  }
}

async function rotateOwn(world: World, stageMs: number): Promise<Row> {
  const start = (...secrets: string[]) =>
    world.start({ BASE_URL, FIRSTLOGIN_SECRET: secrets.join(','), READTHROUGH_DEADLINE_MS: '60000' })
  const first = await start(old)
  const post = (url: string, path: string, body: object) =>
    fetch(`${url}/api/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  type Tokens = { accessToken: string; refreshToken: string }
  const sessions = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const login = await post(first.url, 'login', {
        email: 'ada@example.com',
        password: 'analytical-engine',
      })
      return { ...((await login.json()) as Tokens), isBusy: false }
    }),
  )
  let turn = 0
  const load = startLoad(first, () => {
    const session = sessions[(turn += 1) % sessions.length] as (typeof sessions)[number]
    // Every fifth request refreshes; a session refreshes one at a time, as one tab does.
    if (turn % 5 !== 0 || session.isBusy)
      return async (url) => {
        const headers = { authorization: `Bearer ${session.accessToken}` }
        return (await fetch(`${url}/api/auth/me`, { headers })).ok
      }
    session.isBusy = true
    return async (url) => {
      try {
        const reply = await post(url, 'refresh', { refreshToken: session.refreshToken })
        if (!reply.ok) return false
        Object.assign(session, (await reply.json()) as Tokens)
        return true
      } finally {
        session.isBusy = false
      }
    }
  })
  await sleep(stageMs)
  await load.replace(await start(old, fresh), stageMs)
  await load.replace(await start(fresh, old), stageMs)
  await promisify(execFile)(process.execPath, ['dist/server.js', 'secret', 'rotate'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      BASE_URL: 'http://127.0.0.1:3000',
      DATABASE_URL: world.databaseUrl,
      FIRSTLOGIN_SECRET: `${fresh},${old}`,
      AIRTABLE_TOKEN: 'patDrill.token',
      AIRTABLE_BASE_ID: world.airtable.baseId,
      AIRTABLE_TABLE: 'Users',
    },
  })
  await sleep(stageMs)
  await load.replace(await start(fresh), stageMs)
  return load.stop('FIRSTLOGIN_SECRET is rotated under load')
}

async function rotateWebhook(world: World, sender: Sender, stageMs: number): Promise<Row> {
  const { setting, secrets, make } = sender
  const start = (value: string) => {
    const others = Object.fromEntries(senders.map((one) => [one.setting, one.secrets[0]]))
    return world.start({ ...senderSettings, ...others, BASE_URL, [setting]: value })
  }
  let index: 0 | 1 = 0
  const load = startLoad(await start(secrets[0]), () => async (url) => {
    const { path, body, headers } = make(secrets[index])
    const reply = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    return reply.status === 200
  })
  await sleep(stageMs)
  await load.replace(await start(`${secrets[1]},${secrets[0]}`), stageMs)
  index = 1
  await sleep(stageMs)
  await load.replace(await start(secrets[1]), stageMs)
  return load.stop(`${setting} is rotated under load`)
}
