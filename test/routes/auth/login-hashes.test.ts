import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from 'bcrypt'
import t from 'tap'
import { findText } from '../../support/find-text.ts'
import { createWorld, type World } from '../../support/service.ts'
import { isProblem } from './client.ts'

const password = 'as weak as it was strong'
const ours = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/

function addPerson({ airtable }: World, passwordHash: string, number = 0): string {
  const email = `newcomer.${number}@example.com`
  airtable.records.put(`recNewcomer00000${number}`, { Email: email, 'Password Hash': passwordHash })
  return email
}

const weaker: Record<string, () => Promise<string>> = {
  'bcrypt 2b': () => bcrypt(password, 4),
  'bcrypt 2y': async () => (await bcrypt(password, 4)).replace('$2b', '$2y'),
  'bcrypt 2a': async () => (await bcrypt(password, 4)).replace('$2b', '$2a'),
  'a cheap argon2id': () => argon2(password, { memoryCost: 64, timeCost: 1, parallelism: 1 }),
  argon2d: () => argon2(password, { algorithm: 0, memoryCost: 64, timeCost: 1, parallelism: 1 }),
  argon2i: () => argon2(password, { algorithm: 1, memoryCost: 64, timeCost: 1, parallelism: 1 }),
}

for (const [kind, make] of Object.entries(weaker)) {
  t.test(`${kind} is replaced by argon2id at the first login and is nowhere afterwards`, async (t) => {
    const world = await createWorld(t)
    const { login } = await world.start()
    const old = await make()
    const email = addPerson(world, old)
    isProblem(t, await login(email, 'not the password'), 'FL_CREDENTIALS_INVALID')
    t.ok((await findText(world.sql, old)).length > 0, 'it was there')

    t.equal((await login(email, password)).statusCode, 200)
    const [row] = await world.sql<{ hash: string }[]>`select password_hash as hash from firstlogin.users`
    t.match(row?.hash, ours)
    t.same(await findText(world.sql, old), [])
    t.equal((await login(email, password)).statusCode, 200, 'the better one works')
    isProblem(t, await login(email, 'not the password'), 'FL_CREDENTIALS_INVALID')
    const [same] = await world.sql<{ hash: string }[]>`select password_hash as hash from firstlogin.users`
    t.equal(same?.hash, row?.hash, 'and is not made anew at each login')
  })
}

t.test('twenty first logins at once leave one better hash that works', async (t) => {
  const world = await createWorld(t)
  const { login } = await world.start()
  const email = addPerson(world, await bcrypt(password, 4))
  const replies = await Promise.all(Array.from({ length: 20 }, () => login(email, password)))
  t.ok(replies.every((reply) => reply.statusCode === 200))
  t.equal((await login(email, password)).statusCode, 200)
})

t.test('what follows the 72 bytes that bcrypt looks at cannot become the password by a slip', async (t) => {
  const world = await createWorld(t)
  const { login } = await world.start()
  const long = 'x'.repeat(80)
  const email = addPerson(world, await bcrypt(long, 4))
  t.equal((await login(email, `${long.slice(0, 72)} slipped`)).statusCode, 200, 'as bcrypt has it')
  t.equal((await login(email, long)).statusCode, 200, 'the real one still opens')
})

t.test('a hash that would cost too much to verify is refused and not stored', async (t) => {
  const tail = '$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g'
  const expensive = [
    `$argon2id$v=19$m=4194304,t=1,p=1${tail}`,
    `$argon2id$v=19$m=19456,t=999,p=1${tail}`,
    `$argon2id$v=19$m=19456,t=2,p=200${tail}`,
    `$2b$31$${'a'.repeat(53)}`,
    `$2b$13$${'a'.repeat(53)}`,
    `$argon2id$v=19$m=131072,t=10,p=8${tail}`,
  ]
  const hashes = [...expensive, '$1$md5$crypt', 'plain text', '$2b$10$'.repeat(200)]
  const world = await createWorld(t)
  const service = await world.start()
  const attempts = hashes.map(async (hash, number) => {
    const reply = await service.login(addPerson(world, hash, number), hash.slice(0, 1000))
    isProblem(t, reply, 'FL_CREDENTIALS_INVALID', hash.slice(0, 40))
  })
  await Promise.all(attempts)
  const namedBy = (event: string) =>
    new Set(service.log.filter((line) => line.event === event).map((line) => line['record'])).size
  t.equal(namedBy('password_hash.too_expensive'), expensive.length, 'named in the log')
  t.equal(namedBy('password_hash.unsupported'), hashes.length - expensive.length, 'and what is no hash')
  for (const hash of hashes) t.same(await findText(world.sql, hash.slice(0, 30)), [], 'and is not kept')
})
