import t from 'tap'
import { createWorld } from '../support/service.ts'
import { isProblem } from './auth/client.ts'

const ada = '"email":"ada@example.com","password":"analytical-engine"'
const posts = ['login', 'refresh', 'logout', 'logout-all'] as const

t.test('whatever is wrong with a request, the answer is a problem of ours below 500', async (t) => {
  const service = await (await createWorld(t)).start()
  const { app } = service
  const send = (path: string, payload: string | Buffer, type = 'application/json') =>
    app.inject({ method: 'POST', url: `/api/auth/${path}`, headers: { 'content-type': type }, payload })

  t.test('bodies that are not JSON', async (t) => {
    for (const path of posts) {
      for (const text of [
        '{',
        '{"email"',
        'undefined',
        "{'email':1}",
        '{"a":1}}',
        '\u0000',
        '\xff',
        '{"email":"\n"}',
      ])
        isProblem(t, await send(path, text), 'FL_JSON_INVALID', `${path} ${JSON.stringify(text)}`)
      const nothing = await send(path, '')
      if (path === 'logout') t.equal(nothing.statusCode, 204, 'nothing to end')
      else isProblem(t, nothing, path === 'login' ? 'FL_REQUEST_INVALID' : 'FL_SESSION_INVALID', path)
      isProblem(t, await send(path, '['.repeat(50_000)), 'FL_BODY_TOO_LARGE')
    }
  })

  t.test('JSON of another shape', async (t) => {
    for (const text of [
      'null',
      '[]',
      '1',
      'true',
      '"text"',
      '{}',
      '[{}]',
      `[{${ada}}]`,
      `${'['.repeat(5000)}${']'.repeat(5000)}`,
    ])
      isProblem(t, await send('login', text), 'FL_REQUEST_INVALID', text.slice(0, 40))
    for (const wrong of [
      'null',
      '1',
      'true',
      '[]',
      '{}',
      '["ada@example.com"]',
      '{"toString":"x"}',
      '""',
      '1e400',
    ]) {
      isProblem(
        t,
        await send('login', `{"email":${wrong},"password":"x"}`),
        'FL_REQUEST_INVALID',
        `email ${wrong}`,
      )
      isProblem(
        t,
        await send('login', `{"email":"ada@example.com","password":${wrong}}`),
        'FL_REQUEST_INVALID',
        wrong,
      )
      const token = await send('refresh', `{"refreshToken":${wrong}}`)
      isProblem(t, token, 'FL_REQUEST_INVALID', `refreshToken ${wrong}`)
    }
    for (const cookie of ['"true"', '1', '[]', '{}', 'null'])
      isProblem(
        t,
        await send('login', `{${ada},"cookie":${cookie}}`),
        'FL_REQUEST_INVALID',
        `cookie ${cookie}`,
      )
    for (const path of ['refresh', 'logout-all'])
      isProblem(t, await send(path, '{}'), 'FL_SESSION_INVALID', `${path} of nobody`)
    t.equal(
      (await send('login', `{${ada},"other":[{}]}`)).statusCode,
      200,
      'keys that we do not know are tolerated',
    )
  })

  t.test('keys that poison prototypes', async (t) => {
    for (const key of ['__proto__', 'constructor'])
      isProblem(
        t,
        await send('login', `{${ada},"${key}":{"prototype":{"cookie":true}}}`),
        'FL_JSON_INVALID',
        key,
      )
    isProblem(t, await send('login', '{"__proto__":{"email":"ada@example.com"}}'), 'FL_JSON_INVALID')
    t.notOk('cookie' in {})
  })

  t.test('NUL, lone surrogates and control characters, raw or escaped, in every field', async (t) => {
    for (const text of ['\\u0000', '\\ud800', '\\udfff', '\\udc00\\ud800']) {
      for (const [email, password] of [
        [`ada@example.com${text}`, 'analytical-engine'],
        [`a${text}da@example.com`, 'analytical-engine'],
        ['ada@example.com', `analytical-engine${text}`],
        ['ada@example.com', `${text}analytical-engine`],
      ])
        isProblem(
          t,
          await send('login', `{"email":"${email}","password":"${password}"}`),
          'FL_REQUEST_INVALID',
          text,
        )
      for (const path of ['refresh', 'logout'])
        isProblem(t, await send(path, `{"refreshToken":"${text}"}`), 'FL_SESSION_INVALID', `${path} ${text}`)
    }
    for (const text of ['\\u0001', '\\u001b', '\\u200b', '\\u2028', '\\r\\n', '\\ufeff.'])
      isProblem(
        t,
        await send('login', `{"email":"a${text}da@example.com","password":"x"}`),
        'FL_EMAIL_INVALID',
        text,
      )
    const emoji = await send('login', '{"email":"ada@example.com","password":"\\ud83d\\ude00 \\u0001"}')
    isProblem(t, emoji, 'FL_CREDENTIALS_INVALID', 'a password may have any whole character')
  })

  t.test('addresses that are none', async (t) => {
    for (const email of [
      'abc',
      '@example.com',
      'ada@',
      'ada@exam ple.com',
      'ada@example..com/x',
      `${'a'.repeat(250)}@b.io`,
    ])
      isProblem(
        t,
        await send('login', JSON.stringify({ email, password: 'x' })),
        'FL_EMAIL_INVALID',
        email.slice(0, 30),
      )
    const long = { email: `${'a'.repeat(10_000)}@example.com`, password: 'x' }
    isProblem(t, await send('login', JSON.stringify(long)), 'FL_REQUEST_INVALID')
    isProblem(
      t,
      await send('login', JSON.stringify({ ...long, email: 'ada@example.com', password: long.email })),
      'FL_REQUEST_INVALID',
    )
    isProblem(
      t,
      await send('login', JSON.stringify({ ...long, filler: 'x'.repeat(20_000) })),
      'FL_BODY_TOO_LARGE',
    )
  })

  t.test('content types that are not JSON', async (t) => {
    for (const path of posts) {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'application/xml',
        'application/jsonp',
        'x',
        '*/*',
      ])
        isProblem(t, await send(path, `{${ada}}`, type), 'FL_CONTENT_TYPE_UNSUPPORTED', `${path} ${type}`)
    }
    const untyped = await app.inject({
      method: 'POST',
      url: '/api/auth/login',
      payload: Buffer.from(`{${ada}}`),
    })
    isProblem(t, untyped, 'FL_CONTENT_TYPE_UNSUPPORTED')
  })

  t.test('addresses and methods that lead nowhere', async (t) => {
    const paths = ['/api', '/api/auth', '/api/auth/', '/api/auth/login/', '/API/AUTH/LOGIN', '/api/auth/me/x']
    for (const url of [
      ...paths,
      '/.env',
      '/api/auth/%00',
      '/api/auth/..%2flogin',
      '//evil.example/',
      '/docs/static/../../package.json',
      `/${'x'.repeat(5000)}`,
    ])
      isProblem(t, await app.inject(url), 'FL_ROUTE_UNKNOWN', url.slice(0, 40))
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)
      for (const path of posts)
        isProblem(
          t,
          await app.inject({ method, url: `/api/auth/${path}` }),
          'FL_METHOD_UNKNOWN',
          `${method} ${path}`,
        )
    isProblem(t, await app.inject({ method: 'POST', url: '/api/auth/me' }), 'FL_METHOD_UNKNOWN')
  })

  t.notOk(
    service.log.some((line) => line.level >= 50),
    'and none of it is an error of ours',
  )
})
