import t from 'tap'
import { createWorld } from '../../support/service.ts'

t.test('no address and no password talks its way to a record', async (t) => {
  const world = await createWorld(t)
  const service = await world.start()
  const injections = [
    "' , TRUE(), '@x.io",
    "'),TRUE(),('@x.io",
    "x@y.io'),TRUE(),LOWER('x",
    "x')=LOWER('x@y.io",
    'x@y.io\\',
    "x@y.io\\'),TRUE(),('",
    '{Email}@x.io',
    '"@x.io',
    "a'b'c@x.io",
    "RECORD_ID()='recAdaLovelace001'",
    "ada@example.com' OR '1'='1",
    '%@example.com',
    '_da@example.com',
    '*@example.com',
    'ada@example.com,grace@example.com',
    'ada@example.com\\n',
    "\\'@x.io",
    '\\\\\\@x.io',
    '$1@x.io',
    '${Email}@x.io',
  ]
  const replies = await Promise.all(
    injections.flatMap((text) => [
      service.login(text, 'analytical-engine'),
      service.login('ada@example.com', text),
      service.login(`x${text.replace(/@.*/s, '').slice(0, 60)}@example.com`, 'analytical-engine'),
    ]),
  )
  for (const reply of replies)
    t.ok([400, 401, 429].includes(reply.statusCode), `${reply.statusCode} ${reply.body}`)
  const people = await world.sql<{ email: string }[]>`select email from firstlogin.users`
  t.same(
    people.map(({ email }) => email),
    ['ada@example.com'],
    'only who was asked for was fetched',
  )
  t.notOk(service.log.some((line) => line.level >= 50))
})
