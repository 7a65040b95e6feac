import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { verifyPassword } from '../../domain/password.ts'
import { createAirtableStandIn } from '../../sandbox/airtable/stand-in.ts'
import { findProgram } from '../support/built.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { ada, hasPostgres, makeWorkplace, post, run, runToEnd } from '../support/process.ts'

// Many real processes, one after the other.
t.setTimeout(240_000)

const program = await findProgram()
const cwd = await makeWorkplace(t)
const { url } = await createEmptyDatabase(t)
const airtable = createAirtableStandIn({ token: 'patSandbox.token' })
t.teardown(airtable.close)
const env = {
  NODE_ENV: 'production',
  BASE_URL: 'http://127.0.0.1:3000',
  PORT: '0',
  DATABASE_URL: url,
  FIRSTLOGIN_SECRET: 'a secret of at least thirty-two bytes',
  AIRTABLE_TOKEN: 'patSandbox.token',
  AIRTABLE_BASE_ID: airtable.baseId,
  AIRTABLE_TABLE: 'Users',
  AIRTABLE_API_URL: await airtable.listen(),
}
const chore = (...args: string[]) => runToEnd(t, program, { cwd, args, env })

t.test('firstlogin --help names every command, and an unknown one exits with 2', async (t) => {
  const help = await chore('--help')
  t.equal(help.code, 0)
  for (const name of ['start', 'migrate', 'doctor', 'keys rotate', 'why <email>', 'unlock <email>'])
    t.match(help.out, name)
  const unknown = await chore('frobnicate')
  t.equal(unknown.code, 2)
  t.match(unknown.err, 'Usage: firstlogin <command>')
  t.equal(unknown.out, '')
  for (const args of [
    ['keys', 'burn'],
    ['why', 'nobody'],
  ])
    t.equal((await chore(...args)).code, 2, args.join(' '))
})

t.test('--help of a command only helps, and an argument that it does not know exits with 2', async (t) => {
  const help = await chore('migrate', '--help')
  t.same([help.code, help.out], [0, 'Usage: firstlogin migrate\n\nbring the database up to date\n'])
  t.match((await chore('doctor')).out, /ok +migrations: none yet/, 'nothing was migrated')
  for (const args of [
    ['migrate', 'now'],
    ['doctor', '--fix'],
    ['hash', 'a password that would be in the history of the shell'],
    ['start', '--port', '3000'],
  ]) {
    const { code, out, err } = await chore(...args)
    t.same([code, out], [2, ''], args.join(' '))
    t.match(err, `Usage: firstlogin ${args[0]}`)
  }
})

t.test('--version prints the version alone', async (t) => {
  const { code, out } = await chore('--version')
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  t.same([code, out], [0, `${version}\n`])
})

t.test('firstlogin hash reads a password from stdin and prints a hash that a table can hold', async (t) => {
  const made = execFileSync(process.execPath, [program, 'hash'], {
    cwd,
    input: 'difference engine\n',
    encoding: 'utf8',
  })
  t.match(made, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$.*\n$/)
  t.equal(await verifyPassword('difference engine', made.trim()), true)
})

t.test('a pipe that closes before anything is written is silent', async (t) => {
  const child = spawn(process.execPath, [program, '--help'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  // Long before the process has read its own program.
  child.stdout.destroy()
  t.equal(await text(child.stderr), '')
  t.same(await exited, [0, null])
})

t.test('firstlogin migrate brings an empty database up to date, and then has nothing to do', async (t) => {
  const before = await chore('doctor')
  t.equal(before.code, 0)
  t.match(before.out, /ok +migrations: none yet; they run at the first start, or with `firstlogin migrate`/)
  const first = await chore('migrate')
  t.same([first.code, first.err], [0, ''])
  t.match(first.out, /^Applied 0001_people.sql, /)
  t.same((await chore('migrate')).out, 'Nothing to do.\n')
})

t.test('firstlogin doctor finds all well, or says what is not, without a secret', async (t) => {
  const well = await chore('doctor')
  t.equal(well.code, 0)
  t.match(
    well.out,
    /^ok +database: PostgreSQL \d+.*\nok +migrations: .*\nok +signing keys: .*\nok +airtable: answers\n$/,
  )

  const wrong = { ...env, AIRTABLE_TOKEN: 'patWrong.token' }
  const refused = await runToEnd(t, program, { cwd, args: ['doctor'], env: wrong })
  t.equal(refused.code, 1)
  t.match(refused.out, /^FAIL +airtable: AIRTABLE_TOKEN is refused: .*401 AUTHENTICATION_REQUIRED/m)

  const away = { ...env, DATABASE_URL: 'postgres://somebody:secret-word@127.0.0.1:1/none' }
  const unreachable = await runToEnd(t, program, { cwd, args: ['doctor'], env: away })
  t.equal(unreachable.code, 1)
  t.match(unreachable.out, /^FAIL +database: DATABASE_URL: 127.0.0.1:1 refuses connections/m)
  t.match(unreachable.out, /^ok +airtable: answers$/m, 'the rest is looked at all the same')

  for (const secret of ['patWrong', 'patSandbox', 'secret-word', env.FIRSTLOGIN_SECRET])
    t.notMatch([well, refused, unreachable].map(({ out, err }) => out + err).join(), secret)
})

t.test('firstlogin doctor names a FIRSTLOGIN_SECRET that is not the database’s', async (t) => {
  t.equal((await chore('keys', 'rotate')).code, 0)
  const args = {
    cwd,
    args: ['doctor'],
    env: { ...env, FIRSTLOGIN_SECRET: 'another secret of thirty-two bytes' },
  }
  const { code, out } = await runToEnd(t, program, args)
  t.equal(code, 1)
  t.match(out, /^FAIL +signing keys: .*FIRSTLOGIN_SECRET/m)
})

t.test('firstlogin keys rotate gives a running instance a new key, and old tokens go on', async (t) => {
  const service = run(t, program, { cwd, env })
  const address = await service.ready
  const keyIds = async () => {
    const reply = await fetch(`${address}/.well-known/jwks.json`)
    return ((await reply.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
  }
  const login = (await (await post(address, '/api/auth/login', ada)).json()) as { accessToken: string }
  const before = await keyIds()
  const { code, out } = await chore('keys', 'rotate')
  t.equal(code, 0)
  const current = /^Tokens are signed with (\S+) now.\n$/.exec(out)?.[1] ?? ''
  t.ok(before.includes(current), 'the next key was published before it is used')
  const { status } = await fetch(`${address}/api/auth/me`, {
    headers: { authorization: `Bearer ${login.accessToken}` },
  })
  t.equal(status, 200)
})

t.test('--json prints the result as one line of JSON, and errors stay on standard error', async (t) => {
  const known = await chore('why', 'ada@example.com', '--json')
  t.equal(known.out.split('\n').length, 2)
  const { users } = JSON.parse(known.out)
  t.match(users, [{ email: 'ada@example.com', values: { name: 'Ada Lovelace', passwordHash: 'set' } }])
  t.match(users[0].provenance.name, { source: 'airtable', externalId: /^rec/ })
  t.notMatch(known.out, '$2', 'and no hash')
  const unknown = await chore('--json', 'why', 'nobody@example.com')
  t.equal(unknown.code, 2, 'the command comes first')
  const nobody = await chore('why', '--json', 'nobody@example.com')
  t.same([nobody.code, JSON.parse(nobody.out)], [1, { users: [] }])
  t.match(nobody.err, 'PostgreSQL does not know')
})

t.test('firstlogin why says where each value came from, and shows no hash', async (t) => {
  const { code, out } = await chore('why', ' ADA@example.com')
  t.equal(code, 0)
  t.match(out, /^ada@example.com +[0-9a-f-]{36}$/m)
  t.match(out, /^ +status +active +airtable rec\w{14} \S+Z /m)
  t.match(out, /^ +name +Ada Lovelace +airtable rec\w{14} /m)
  t.match(out, /^ +avatarUrl +\(none\) +default$/m)
  t.match(out, /^ +passwordHash +set +/m)
  t.match(out, /^ +record airtable:rec\w{14}, last seen /m)
  t.notMatch(out, '$2', 'no bcrypt')
  t.notMatch(out, '$argon2')
  const stranger = await chore('why', 'nobody@example.com')
  t.same(
    [stranger.code, stranger.out, stranger.err],
    [1, '', 'PostgreSQL does not know nobody@example.com; the next login asks upstream.\n'],
  )
})

t.test('beside a sandbox that runs, chores work on its database', async (t) => {
  const folder = await makeWorkplace(t)
  const service = run(t, program, { cwd: folder, env: { PORT: '0' } })
  t.equal((await post(await service.ready, '/api/auth/login', ada)).status, 200)
  const why = await runToEnd(t, program, { cwd: folder, args: ['why', ada.email] })
  t.same([why.code, why.err], [0, ''])
  t.match(why.out, ada.email)
  const doctor = await runToEnd(t, program, { cwd: folder, args: ['doctor'] })
  t.equal(doctor.code, 0, doctor.out)

  service.process.kill('SIGTERM')
  t.equal(await service.ended, 0)
  await t.rejects(readFile(join(folder, '.data/running.json')), { code: 'ENOENT' })
  const alone = await runToEnd(t, program, { cwd: folder, args: ['why', ada.email] })
  t.equal(alone.out, why.out, 'and without one, they start it for themselves')
  t.notOk(hasPostgres(folder))
})
