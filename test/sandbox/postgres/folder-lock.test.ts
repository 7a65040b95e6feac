import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { lockFolder } from '../../../sandbox/postgres/folder-lock.ts'
import { startPostgres } from '../../../sandbox/postgres.ts'
import { makeDataDir, makeFolder } from '../../support/postgres-project.ts'

t.test('a lock ends with its process, also where another process has its id now', async (t) => {
  const folder = await makeFolder(t)
  const locks = join(folder, 'locks')
  await (await lockFolder(folder))()
  await writeFile(join(locks, '2'), `${process.pid}-of-another-birth`)
  await writeFile(join(locks, '3'), '4194305-long-gone')
  await writeFile(join(locks, 'draft-4194305-long-gone-x'), '')
  const release = await lockFolder(folder)
  t.same(await readdir(locks), ['4'])
  await t.rejects(lockFolder(folder), new RegExp(`is in use by process ${process.pid}:`))
  await release()
  await (await lockFolder(folder))()
  t.same(await readdir(locks), ['5'])
})

t.test('of many that lock a folder at once, exactly one gets it, time after time', async (t) => {
  const folder = await makeFolder(t)
  for (let round = 0; round < 50; round += 1) {
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)))
    const releases = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
    if (releases.length !== 1) t.equal(releases.length, 1, `round ${round}`)
    for (const release of releases) await release()
  }
  t.pass('one a round')
})

t.test('a cluster whose password file is gone is not touched, and the message says what to do', async (t) => {
  const dataDir = await makeDataDir(t)
  const options = { dataDir, port: 0, settings: { fsync: 'off' } }
  await (await startPostgres(options)).stop()
  await rm(join(dataDir, 'password'))
  for (const time of ['once', 'twice']) {
    await t.rejects(startPostgres(options), /restore the file, or remove the folder/, time)
  }
})
