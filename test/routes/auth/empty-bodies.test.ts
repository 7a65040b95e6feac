import t from 'tap'
import { fetch } from 'undici'
import { createWorld } from '../../support/service.ts'

const origin = 'http://127.0.0.1:3000'
const types = ['application/json', 'text/plain', 'application/x-www-form-urlencoded', undefined]

// shared/cases/empty-json-body.http
t.test('an empty body is no body, whatever its content type and however its end is told', async (t) => {
  const { app } = await (await createWorld(t)).start()
  const url = await app.listen({ port: 0 })
  const ada = { email: 'ada@example.com', password: 'analytical-engine', cookie: true }

  async function logIn(): Promise<string> {
    const reply = await fetch(`${url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify(ada),
    })
    return reply.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ')
  }

  async function send(
    path: string,
    cookie: string,
    type: string | undefined,
    body?: string | ReadableStream,
  ) {
    const reply = await fetch(`${url}/api/auth/${path}`, {
      method: 'POST',
      headers: { cookie, origin, ...(type && { 'content-type': type }) },
      ...(body !== undefined && { body: body as string, duplex: 'half' as const }),
    })
    return reply.status
  }

  for (const type of types)
    for (const [path, status] of [
      ['refresh', 200],
      ['logout', 204],
      ['logout-all', 204],
    ] as const)
      t.equal(await send(path, await logIn(), type, ''), status, `${path}, ${type}, Content-Length: 0`)
  const nothing = () => new ReadableStream({ start: (controller) => controller.close() })
  t.equal(await send('refresh', await logIn(), 'application/json', nothing()), 200, 'in chunks')
  t.equal(await send('refresh', await logIn(), 'application/json', '{'), 400, 'half a body is none')
  t.equal(await send('login', '', 'application/json', ''), 400, 'where a body is needed')
})
