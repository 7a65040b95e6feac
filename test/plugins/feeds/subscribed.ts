import { createHmac } from 'node:crypto'
import type { Test } from 'tap'
import type { AirtableStandInOptions } from '../../../sandbox/airtable/stand-in.ts'
import { runCommand } from '../../support/commands.ts'
import { listenForPings } from '../../support/feeds.ts'
import { untilTrue } from '../../support/process.ts'
import { createWorld, type Service, type World } from '../../support/service.ts'

/** An instance that listens, subscribed to an Airtable without limits, after its first reading. */
export async function openSubscribed(t: Test, options: Partial<AirtableStandInOptions> = {}) {
  const world = await createWorld(t, { rateLimit: false, timePrecisionMs: 1, ...options })
  const { env, service } = await listenForPings(world)
  await runCommand(world, ['subscribe'], env)
  t.ok(await untilTrue(() => readingsOf(service) > 0), 'the first reading')
  return { world, env, service, ...createEyes(world) }
}

export function readingsOf(...services: Service[]): number {
  return services.flatMap(({ log }) => log).filter(({ event }) => event === 'feed.read').length
}

/** What a test sees of the world. */
export function createEyes({ sql, airtable }: World) {
  async function statusOf(email: string): Promise<string | undefined> {
    const [row] = await sql`select status from firstlogin.users where email_canonical = ${email}`
    return row?.['status'] as string | undefined
  }

  return {
    statusOf,
    untilStatus: (email: string, status: string) => untilTrue(async () => (await statusOf(email)) === status),
    /** The one webhook that there is. */
    hook() {
      const [hook, ...others] = airtable.webhooks.list()
      if (!hook || others.length > 0) throw new Error(`There is not one webhook, but ${others.length + 1}.`)
      return hook
    },
    calls: (part: string) =>
      airtable
        .calls()
        .calls.filter(({ path }) => path.includes(part))
        .reduce((sum, { count }) => sum + count, 0),
    async row() {
      const [row] = await sql`select cursor::int, pinged_at::text, read_at::text from firstlogin.feeds`
      return row ?? {}
    },
    /** As hours after the last look at the subscription. */
    async letRenew() {
      await sql`update firstlogin.feeds set renewed_at = '-infinity', read_at = now() - interval '5 days'`
      await sql`select pg_notify('firstlogin', '{"feed":"airtable"}')`
    },
  }
}

/** What Airtable would send, and how it would sign it. */
export function createPing(secretBase64: string, { baseId = '', id = '', at = Date.now() }) {
  const body = JSON.stringify({
    base: { id: baseId },
    webhook: { id },
    timestamp: new Date(at).toISOString(),
  })
  return { body, mac: sign(secretBase64, body) }
}

export function sign(secretBase64: string, body: string): string {
  const key = Buffer.from(secretBase64, 'base64')
  return `hmac-sha256=${createHmac('sha256', key).update(body).digest('hex')}`
}

export async function sendPing({ app }: Service, { body, mac }: { body: string; mac: string }) {
  const headers = { 'content-type': 'application/json', 'x-airtable-content-mac': mac }
  const reply = await app.inject({
    method: 'POST',
    url: '/api/sync/airtable/notifications',
    headers,
    payload: body,
  })
  return { status: reply.statusCode, text: reply.body }
}
