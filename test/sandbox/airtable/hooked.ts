import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import Type from 'typebox'
import Value from 'typebox/value'
import type { AirtableStandInOptions } from '../../../sandbox/airtable/stand-in.ts'
import { open } from './opened.ts'

const Created = Type.Object({
  id: Type.String(),
  macSecretBase64: Type.String(),
  expirationTime: Type.String(),
})

const Page = Type.Object({
  payloads: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  cursor: Type.Number(),
  mightHaveMore: Type.Boolean(),
})

export const week = 7 * 86_400_000

/** A stand-in without limits, and a way to register webhooks and to read them. */
export async function openHooks(t: Test, options: Partial<AirtableStandInOptions> = {}) {
  const opened = await open(t, { rateLimit: false, ...options })
  const { standIn, ask } = opened
  const hooks = `/v0/bases/${standIn.baseId}/webhooks`

  const post = (filters: object, more: { notificationUrl?: string; includes?: object } = {}) =>
    ask('POST', hooks, {
      ...(more.notificationUrl === undefined ? {} : { notificationUrl: more.notificationUrl }),
      specification: {
        options: {
          filters: { dataTypes: ['tableData'], ...filters },
          ...(more.includes && { includes: more.includes }),
        },
      },
    })

  return {
    ...opened,
    hooks,
    post,
    register: async (...given: Parameters<typeof post>) =>
      Value.Parse(Created, await (await post(...given)).json()),
    read: async (id: string, query = '') =>
      Value.Parse(Page, await (await ask('GET', `${hooks}/${id}/payloads${query}`)).json()),
  }
}

export type Ping = { body: string; mac: string; contentType: string }

/** Takes pings, and answers each with the next of the statuses, the last of them for ever; 0: never answers. */
export async function openReceiver(t: Test, ...statuses: number[]) {
  const pings: Ping[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.once('end', () => {
      const { 'x-airtable-content-mac': mac, 'content-type': contentType } = request.headers
      pings.push({ body, mac: String(mac), contentType: String(contentType) })
      const status = statuses.length > 1 ? statuses.shift() : statuses[0]
      if (status === 0) return
      response.statusCode = status ?? 200
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { pings, notificationUrl: `http://127.0.0.1:${port}/ping` }
}
