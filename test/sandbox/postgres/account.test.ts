import { lchown, lstat, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { canReach, findAccount } from '../../../sandbox/postgres/account.ts'
import { ask } from '../../support/ask.ts'
import { copyProject, makeDataDir, makeFolder, startService } from '../../support/postgres-project.ts'

const isRoot = process.geteuid?.() === 0
const account = await findAccount(0)
const asRoot = isRoot ? {} : { skip: 'only root can become somebody else' }
const nodeReach = (await canReach(account, dirname(process.execPath)))
  ? {}
  : { skip: 'node is in a folder that only root can reach' }
const asOther = isRoot ? nodeReach : asRoot

t.test('as root, PostgreSQL runs as an unprivileged account', asRoot, async (t) => {
  const project = await makeFolder(t)
  await copyProject(project, 'linked')
  const service = await startService(t, project, { dataDir: await makeDataDir(t) })
  const cluster = await lstat(service.folder ?? '')
  t.equal(cluster.uid, account.uid)
  t.not(cluster.uid, 0)
  t.equal(cluster.mode & 0o777, 0o700)
})

t.test('as root below a home that nobody else can enter, data is kept elsewhere', asRoot, async (t) => {
  const home = await makeFolder(t, 0o700)
  const tmp = await makeFolder(t)
  await copyProject(home, 'copied')
  const dataDir = join(home, '.data/postgres')
  const start = () => startService(t, home, { dataDir, tmp })
  const stop = async (service: Awaited<ReturnType<typeof start>>) => {
    service.process.kill('SIGTERM')
    await service.ended
  }

  const first = await start()
  t.equal(first.error, undefined)
  t.teardown(() => removeRefuge(dirname(first.folder ?? '')))
  t.notMatch(first.folder, home)
  t.match(first.said(), `cannot reach ${dataDir}`)
  await ask(first.url, (sql) => sql`create table kept ()`)
  await stop(first)

  const second = await start()
  t.same(await ask(second.url, (sql) => sql`select * from kept`), [], 'the data is there at the next start')
  await stop(second)

  await rm(dataDir, { recursive: true })
  const third = await start()
  await t.rejects(
    ask(third.url, (sql) => sql`select * from kept`),
    { code: '42P01' },
    'who removes the folder starts anew',
  )
})

t.test('an ordinary user runs PostgreSQL as herself, in a home of mode 0700', nodeReach, async (t) => {
  const home = await makeFolder(t, 0o700)
  await copyProject(home, 'copied')
  await giveAll(home)
  const service = await startService(t, home, {
    dataDir: join(home, '.data/postgres'),
    user: account,
    tmp: home,
  })
  t.equal(service.error, undefined)
  t.equal(service.folder, join(home, '.data/postgres/cluster'))
  t.ok(await ask(service.url, (sql) => sql`select 1`))
})

t.test('an ordinary user is told when the folder belongs to somebody else', asOther, async (t) => {
  const project = await makeFolder(t)
  await copyProject(project, 'linked')
  const dataDir = await makeDataDir(t)
  await mkdir(dataDir)
  const service = await startService(t, project, { dataDir, user: account })
  t.match(service.error, `${dataDir} belongs to another account (uid 0)`)
})

t.test('a start as root in the project of an ordinary user does not lock her out', asOther, async (t) => {
  const project = await makeFolder(t)
  await copyProject(project, 'linked')
  await give(project)
  const dataDir = join(project, '.data/postgres')
  const first = await startService(t, project, { dataDir })
  t.equal(first.error, undefined)
  first.process.kill('SIGTERM')
  await first.ended
  const second = await startService(t, project, { dataDir, user: account })
  t.equal(second.error, undefined)
  t.ok(await ask(second.url, (sql) => sql`select 1`))
  t.equal((await stat(join(dataDir, 'password'))).uid, account.uid)
})

async function removeRefuge(folder: string) {
  await rm(folder, { recursive: true, force: true })
  // Not ours alone: a sandbox may keep its data beside it.
  await rmdir(dirname(folder)).catch(() => undefined)
}

async function giveAll(folder: string) {
  for (const name of ['', ...(await readdir(folder, { recursive: true }))]) await give(join(folder, name))
}

async function give(path: string) {
  if (account.uid !== undefined) await lchown(path, account.uid, account.gid)
}
