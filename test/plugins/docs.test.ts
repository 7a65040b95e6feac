import Fastify from 'fastify'
import t from 'tap'
import firstlogin from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { catalogue } from '../../errors.ts'
import { createWorld } from '../support/service.ts'

const codesOf = (answer: unknown) =>
  [...JSON.stringify(answer).matchAll(/`(FL_\w+)`/g)].map(([, code = '']) => code)

type Json = { [key: string]: unknown }

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null

function* objectsIn(value: unknown): Generator<Json> {
  if (!isObject(value)) return
  yield value
  for (const part of Object.values(value)) yield* objectsIn(part)
}

t.test('the API documents itself', async (t) => {
  const world = await createWorld(t)
  const app = Fastify()
  const served: [method: string, path: string][] = []
  app.addHook('onRoute', ({ method, url }) => {
    if (method !== 'HEAD' && method !== 'OPTIONS' && !/^\/(docs|openapi\.json)/.test(url))
      served.push([`${method}`.toLowerCase(), url])
  })
  await app.register(
    firstlogin,
    loadConfig(
      world.env({
        BASE_URL: 'https://login.example.com',
        USER_WEBHOOK_SYNC_ENABLED: 'true',
        AIRTABLE_USER_SYNC_SECRET: 'a secret of the sender of the events',
      }),
    ),
  )
  await app.ready()
  // Before the world, whose database it uses.
  t.teardown(() => app.close())
  const reply = await app.inject('/openapi.json')
  const api = reply.json()

  t.test('/openapi.json is OpenAPI 3.1', async (t) => {
    t.match(reply.headers['content-type'], /^application\/json/)
    t.match(api, { openapi: /^3\.1\.\d$/, info: { title: String, version: /^\d+\.\d+\.\d+/ }, paths: Object })
    t.match(api.servers, [{ url: 'https://login.example.com' }])
    for (const [path, item] of Object.entries<Json>(api.paths)) {
      t.match(path, /^\//)
      for (const [method, operation] of Object.entries(item)) {
        const name = `${method} ${path}`
        t.match(method, /^(get|post|put|patch|delete)$/)
        t.match(operation, { summary: /^[A-Z]/, tags: [String], responses: Object }, name)
        const {
          responses,
          requestBody,
          security = [],
        } = operation as Record<string, Json> & { security?: Json[] }
        for (const [status, response] of Object.entries(responses ?? {})) {
          t.match(status, /^([1-5]\d\d|[1-5]XX|default)$/, name)
          t.type((response as Json)['description'], 'string', name)
        }
        if (method === 'get') t.equal(requestBody, undefined, name)
        for (const requirement of security)
          for (const scheme of Object.keys(requirement)) t.ok(api.components.securitySchemes[scheme], scheme)
      }
    }
    for (const part of objectsIn(api)) {
      if (typeof part['$ref'] === 'string') {
        const found = part['$ref']
          .slice(2)
          .split('/')
          .reduce<unknown>((at, key) => isObject(at) && at[key], api)
        t.ok(found, part['$ref'])
      }
      t.notOk('nullable' in part, '3.1 has no nullable')
    }
  })

  t.test('and holds every address of the service', async (t) => {
    t.ok(served.length >= 9, `${served.length}`)
    for (const [method, path] of served) {
      const documented = path.replace(/:(\w+)/g, '{$1}')
      t.ok(api.paths[documented]?.[method], `${method} ${path}`)
    }
  })

  t.test('problems are documented as problems, each status with its codes', async (t) => {
    const { responses } = api.paths['/api/auth/login'].post
    const problem = JSON.stringify(responses['401'].content['application/problem+json'])
    for (const key of ['type', 'title', 'status', 'code', 'detail', 'requestId']) t.match(problem, `"${key}"`)
    t.same(codesOf(responses['401']), ['FL_CREDENTIALS_INVALID'])
    t.same(codesOf(responses['429']), ['FL_LOGIN_THROTTLED', 'FL_RATE_LIMITED'])
    for (const [path, item] of Object.entries<Json>(api.paths))
      for (const [method, operation] of Object.entries(item)) {
        const answers = Object.entries((operation as { responses: Json }).responses)
        t.ok(
          answers.some(([status]) => status.startsWith('2')),
          `${method} ${path}`,
        )
        for (const [status, answer] of answers.filter(([status]) => /^[45]/.test(status)))
          for (const code of codesOf(answer)) {
            const known: Record<string, readonly [number, string]> = catalogue
            t.equal(known[code]?.[0], Number(status), `${method} ${path} ${code}`)
          }
      }
  })

  t.test('every operation has an id of its own and a tag that is described', async (t) => {
    const operations = Object.values<Json>(api.paths).flatMap((item) => Object.values(item)) as {
      operationId: string
      tags: string[]
    }[]
    const ids = operations.map(({ operationId }) => operationId)
    t.same(
      ids.filter((id) => !/^[a-z][A-Za-z]+$/.test(id)),
      [],
    )
    t.equal(new Set(ids).size, ids.length)
    t.ok(ids.includes('login') && ids.includes('airtableWebhook'))
    const described = new Set(api.tags.map(({ name }: { name: string }) => name))
    t.same(
      operations.flatMap(({ tags }) => tags).filter((tag) => !described.has(tag)),
      [],
    )
  })

  t.test('bodies, cookies and signatures are documented as they are', async (t) => {
    t.equal(api.paths['/api/auth/refresh'].post.requestBody.required, false)
    t.equal(api.paths['/api/auth/login'].post.requestBody.required, true)
    t.match(api.components.securitySchemes, {
      refreshCookie: { type: 'apiKey', in: 'cookie', name: '__Host-firstlogin-refresh' },
      'header-x-signature': { type: 'apiKey', in: 'header', name: 'x-signature' },
    })
    t.same(api.paths['/api/sync/users/inbound'].post.security, [{ 'header-x-signature': [] }])
    const { user } =
      api.paths['/api/auth/me'].get.responses['200'].content['application/json'].schema.properties
    t.match(user, { type: 'object', properties: { id: { format: 'uuid' }, email: {}, status: {}, role: {} } })
    t.notMatch(JSON.stringify(api), 'x-optional-body')
  })

  t.test('/docs shows it, without another host', async (t) => {
    const page = await app.inject('/docs')
    t.equal(page.statusCode, 200)
    t.match(page.headers['content-type'], /^text\/html/)
    const sources = [...page.body.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, url = '']) => url)
    t.ok(sources.length > 2)
    for (const url of sources) {
      t.notMatch(url, /^(https?:)?\/\//)
      const asset = await app.inject(new URL(url, 'http://127.0.0.1/docs').pathname)
      t.equal(asset.statusCode, 200, url)
    }
  })
})

t.test('/docs allows its own scripts only, and no page may frame it', async (t) => {
  const { app } = await (await createWorld(t)).start()
  const page = await app.inject('/docs')
  const assets = [...page.body.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, url = '']) => url)
  for (const url of ['/docs', '/docs/', '/docs/json', '/docs/static/swagger-initializer.js', ...assets]) {
    const { headers, statusCode } = await app.inject(new URL(url, 'http://127.0.0.1/docs').pathname)
    t.equal(statusCode, 200, url)
    const policy = String(headers['content-security-policy'])
    t.match(policy, /default-src 'none'/, url)
    t.match(policy, /frame-ancestors 'none'/)
    t.match(policy, /script-src 'self'(;|$)/, 'no inline script, no eval')
    t.match(headers, { 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' })
  }
  t.notMatch(page.body, /<script(?![^>]*\ssrc=)|\son\w+=|<style/, 'the page needs nothing inline')
  t.notOk(
    (await app.inject('/healthz')).headers['content-security-policy'],
    'and other answers stay as they are',
  )
})

t.test('HIDE=metrics,docs takes them off, each by itself', async (t) => {
  const world = await createWorld(t)
  const pages = ['/docs', '/docs/', '/docs/json', '/docs/static/index.html', '/openapi.json']
  const statusOf = async (HIDE: string) => {
    const { app } = await world.start({ HIDE })
    const replies = await Promise.all([...pages, '/metrics', '/healthz'].map((url) => app.inject(url)))
    return replies.map(({ statusCode }) => statusCode)
  }
  t.same(await statusOf(''), [200, 200, 200, 302, 200, 200, 200])
  t.same(await statusOf('docs'), [404, 404, 404, 404, 404, 200, 200])
  t.same(await statusOf('metrics'), [200, 200, 200, 302, 200, 404, 200])
  t.same(await statusOf('metrics, docs'), [404, 404, 404, 404, 404, 404, 200])
  t.throws(() => loadConfig(world.env({ HIDE: 'healthz' })), /HIDE must be a comma list out of metrics, docs/)
})
