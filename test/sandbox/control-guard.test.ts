import { request } from 'node:http'
import t, { type Test } from 'tap'
import { createAirtableStandIn } from '../../sandbox/airtable/stand-in.ts'
import { createClerkStandIn } from '../../sandbox/clerk/stand-in.ts'
import { createFronteggStandIn } from '../../sandbox/frontegg/stand-in.ts'
import { createSupabaseStandIn } from '../../sandbox/supabase/stand-in.ts'

type Headers = Record<string, string>

/** By node:http, for fetch lets nobody choose the host or the origin. */
function send(url: string, method: string, headers: Headers, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, headers: { 'content-length': String(body.length), ...headers } },
      (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode ?? 0))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const json = { 'content-type': 'application/json' }
const fault = '{"kind":"error_500"}'

const standIns = {
  airtable: () => createAirtableStandIn({ token: 'pat' }),
  clerk: () => createClerkStandIn({ secretKey: 'sk_test' }),
  frontegg: () => createFronteggStandIn(),
  supabase: () => createSupabaseStandIn({}),
}

async function open<StandIn extends { listen(): Promise<string>; close(): Promise<void> }>(
  t: Test,
  standIn: StandIn,
) {
  t.teardown(standIn.close)
  const url = await standIn.listen()
  return { standIn, url, port: new URL(url).port }
}

for (const name of Object.keys(standIns) as (keyof typeof standIns)[]) {
  t.test(`the control of the ${name} stand-in obeys programs and local pages, in JSON`, async (t) => {
    const { standIn, url, port } = await open(t, standIns[name]())
    for (const headers of [
      {},
      { host: 'localhost' },
      { host: `LocalHost:${port}` },
      { host: `[::1]:${port}` },
      { origin: url },
      { origin: 'http://localhost:5173' },
      { 'content-type': 'application/json; charset=utf-8' },
    ] as Headers[]) {
      t.equal(
        await send(`${url}/__control/fault`, 'PUT', { ...json, ...headers }, fault),
        200,
        JSON.stringify(headers),
      )
      t.equal(standIn.fault().kind, 'error_500')
      t.equal(await send(`${url}/__control/fault`, 'DELETE', headers), 200)
    }
  })

  t.test(`the control of the ${name} stand-in refuses what a page of another site can send`, async (t) => {
    const { standIn, url, port } = await open(t, standIns[name]())
    for (const headers of [
      { host: 'evil.example' },
      { host: `evil.example:${port}` },
      { host: '127.0.0.1.evil.example' },
      { host: 'localhost.evil.example' },
      { host: '192.168.1.7' },
      { host: '127.0.0.1@evil.example' },
      { origin: 'https://evil.example' },
      { origin: 'http://127.0.0.1.evil.example' },
      { origin: 'null' },
      { origin: 'file://localhost' },
    ] as Headers[]) {
      const status = await send(`${url}/__control/fault`, 'PUT', { ...json, ...headers }, fault)
      t.equal(status, 403, JSON.stringify(headers))
      t.equal(await send(`${url}/__control/calls`, 'GET', headers), 403)
      t.equal(await send(`${url}/__control/calls`, 'DELETE', headers), 403)
    }
    for (const type of [
      '',
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/jsonp',
    ])
      t.equal(
        await send(`${url}/__control/fault`, 'PUT', type ? { 'content-type': type } : {}, fault),
        415,
        type,
      )
    t.equal(standIn.fault().kind, 'none')
  })
}

t.test(
  'a page that has its own name lead here (DNS rebinding) reads neither the mailbox nor the API',
  async (t) => {
    const { standIn, url } = await open(t, standIns.airtable())
    standIn.mailbox.add({ to: 'ada@example.com', subject: 'Code', text: '123456' })
    t.equal(await send(`${url}/__mailbox`, 'GET', {}), 200)
    for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }] as Headers[]) {
      t.equal(await send(`${url}/__mailbox`, 'GET', headers), 403)
      t.equal(await send(`${url}/__mailbox`, 'DELETE', headers), 403)
    }
    const api = `${url}/v0/${standIn.baseId}/Users`
    t.equal(await send(api, 'GET', { authorization: 'Bearer pat' }), 200)
    t.equal(await send(api, 'GET', { authorization: 'Bearer pat', host: 'evil.example' }), 403)
    t.equal(standIn.mailbox.list().length, 1)
  },
)
