import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { listShared } from '../../db/tenants.ts'
import { ask } from '../support/ask.ts'
import { root } from '../support/built.ts'
import { hasPostgres, run, untilTrue } from '../support/process.ts'
import { until } from '../support/until.ts'
import { example, install, startChat } from './chat/host.ts'
import { paste } from './chat/paste.ts'
import { countOf, refused, tryAll } from './chat/questions.ts'

// The last one makes a database cluster.
t.setTimeout(120_000)

const nobodys = '01234567-89ab-4def-8123-456789abcdef'
const one = { users: 1, organizations: 1, memberships: 1, sessions: 1 }

t.test('the chat', async (t) => {
  const chat = await startChat(t)

  for (const vendor of ['Frontegg', 'Clerk']) {
    t.test(`all seven routes work for somebody whom only ${vendor} knew`, async (t) => {
      const as =
        vendor === 'Clerk' ? await chat.asClerk() : chat.asFrontegg('katherine@example.com', 'Acme Inc.')

      const firsts = await Promise.all(Array.from({ length: 10 }, () => as('GET', '/session')))
      t.same(new Set(firsts.map(({ status }) => status)), new Set([200]))
      t.equal(new Set(firsts.map(({ body }) => body.id)).size, 1, 'ten requests at once, one session')
      t.same(await countOf(chat.sql, vendor.toLowerCase()), one)

      const first = firsts[0]?.body.id
      const made = await as('POST', '/sessions', { title: 'Plans' })
      t.match(made, { status: 201, body: { title: 'Plans' } })
      t.match(await as('POST', '/sessions'), { status: 201, body: { title: 'New Chat' } })
      t.equal((await as('GET', '/sessions')).body.sessions?.length, 3)

      const messages = [
        { author: 'user', text: 'Good morning' },
        { author: 'bot', text: 'You said: Good morning' },
      ]
      t.match(await as('POST', `/sessions/${first}/messages`, { text: 'Good morning' }), {
        status: 201,
        body: { messages },
      })
      t.equal((await as('GET', '/session')).body.id, first, 'the active session is the one used last')
      await as('POST', `/sessions/${first}/messages`, { text: 'Goodbye' })
      const told = await as('GET', `/sessions/${first}/messages`)
      t.equal(told.body.messages?.length, 4)
      t.match(told.body.messages?.slice(0, 2), messages, 'in the order in which they were said')
      t.match(await as('GET', `/sessions/${first}`), { status: 200, body: { id: first, title: 'New Chat' } })

      t.equal((await as('DELETE', `/sessions/${first}`)).status, 204)
      t.same(await tryAll(as, first), refused)
      t.same(await chat.sql`select 1 from chat.chat_messages`, [])
      t.equal((await as('GET', '/sessions')).body.sessions?.length, 2)
    })
  }

  t.test('whoever shows no token, or asks for what cannot be, is told so', async (t) => {
    for (const authorization of ['', 'Bearer made.up.token'])
      t.match(await chat.asWith(authorization)('GET', '/session'), {
        status: 401,
        body: { code: 'FL_TOKEN_INVALID' },
      })
    const as = await chat.asClerk()
    const invalid = { status: 400, body: { code: 'FL_REQUEST_INVALID' } }
    t.match(await as('GET', '/sessions/1'), invalid)
    t.match(await as('POST', '/sessions', { title: '' }), invalid)
    t.match(await as('POST', `/sessions/${nobodys}/messages`, { text: ' ' }), invalid)
  })
})

t.test('two organizations never see each other’s sessions and messages', async (t) => {
  const chat = await startChat(t)
  // One person, and so one user_id, which is all that the statements ask for: what parts the two is row-level security.
  const inAcme = chat.asFrontegg('katherine@example.com', 'Acme Inc.')
  const inGlobex = chat.asFrontegg('katherine@example.com', 'Globex')
  const { id } = (await inAcme('GET', '/session')).body
  await inAcme('POST', `/sessions/${id}/messages`, { text: 'Of Acme alone' })
  const [row] = await chat.sql<{ acme: string; user: string }[]>`
    select organization_id as acme, user_id as "user" from chat.chat_sessions`
  const { acme = '', user = '' } = row ?? {}

  await t.test('not by asking, and not by guessing an id', async (t) => {
    t.same((await inGlobex('GET', '/sessions')).body, { sessions: [] })
    t.same(await tryAll(inGlobex, id), refused)
    t.same(await tryAll(inGlobex, nobodys), refused, 'as where there is no such session')
    t.same(await tryAll(await chat.asClerk(), id), refused)
    t.not((await inGlobex('GET', '/session')).body.id, id)
    const kept = await inAcme('GET', `/sessions/${id}/messages`)
    t.match(kept.body.messages, [{ text: 'Of Acme alone' }, { author: 'bot' }], 'and nothing was changed')
  })

  await t.test('nor does a colleague', async (t) => {
    const colleague = chat.asFrontegg('Grace@Example.com', 'Acme Inc.')
    t.same((await colleague('GET', '/sessions')).body, { sessions: [] })
    t.same(await tryAll(colleague, id), refused)
  })

  await t.test('not even by a statement whose where clause was forgotten', async (t) => {
    const [other] = await chat.sql<{ globex: string }[]>`
      select organization_id as globex from chat.chat_sessions where organization_id <> ${acme}`
    const globex = other?.globex ?? ''
    const counts = await chat.app.tenancy.run(
      globex,
      (tx) => tx`
        select (select count(*)::int from chat.chat_sessions) as sessions,
          (select count(*)::int from chat.chat_messages) as messages`,
    )
    t.same(counts, [{ sessions: 1, messages: 0 }])
    await chat.app.tenancy.run(globex, (tx) => tx`delete from chat.chat_sessions`)
    t.same(await chat.sql`select id from chat.chat_sessions`, [{ id }])

    const smuggle = chat.app.tenancy.run(
      globex,
      (tx) => tx`
        insert into chat.chat_sessions (organization_id, user_id, title) values (${acme}, ${user}, 'Smuggled')`,
    )
    await t.rejects(smuggle, { code: '42501' })
    t.same(await listShared(chat.sql), [], 'and no table is open to all')
  })
})

t.test('the example asks for the package by its name, as from outside', async (t) => {
  const sources = (await readdir(example)).filter((name) => name.endsWith('.js'))
  for (const name of sources)
    t.notMatch(await readFile(join(example, name), 'utf8'), /(from|import)\W+['"]\.\./, name)
  const dependenciesIn = async (folder: string) => {
    const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    return dependencies
  }
  t.same(await dependenciesIn(example), {
    fastify: (await dependenciesIn(root))['fastify'],
    firstlogin: 'file:../..',
  })
})

t.test('one command starts it with all it needs, and what its banner says works as pasted', async (t) => {
  const folder = await install(t)
  const env = { PORT: '0', LOG_LEVEL: 'silent' }
  const { process: npm, ended, said } = run(t, ['npm', 'start'], { cwd: folder, env })
  // A signal that npm can hand on: it would leave its child behind otherwise.
  t.teardown(async () => {
    npm.kill('SIGTERM')
    await ended
  })
  const isReady = () => said().out.includes('authorization: Bearer $TOKEN"\n')
  await until(() => isReady() || npm.exitCode !== null, 100_000)
  t.ok(isReady(), said().err)

  const banner = said().out
  const pasted = banner.slice(banner.indexOf('TOKEN='))
  t.match(JSON.parse(await paste(folder, pasted)), { title: 'New Chat' })
  const database = /postgres:\/\/\S+/.exec(banner)?.[0]
  t.same(await ask(database, (sql) => countOf(sql, 'frontegg')), one)

  npm.kill('SIGTERM')
  await ended
  t.ok(await untilTrue(() => !hasPostgres(folder)), 'and a signal to npm ends all of it')
})
