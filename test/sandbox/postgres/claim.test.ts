import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { claimFolder } from '../../../sandbox/postgres/claim.ts'
import { startPostgres } from '../../../sandbox/postgres.ts'
import { makeDataDir, makeFolder } from '../../support/postgres-project.ts'

t.test(
  'a claim counts for nothing once its process is gone, or its id belongs to another process',
  async (t) => {
    const folder = await makeFolder(t)
    await (await claimFolder(folder))()
    await writeFile(join(folder, 'claims', `${process.pid}-of-another-birth`), '')
    await writeFile(join(folder, 'claims', '4194305-long-gone'), '')
    const release = await claimFolder(folder)
    t.equal((await readdir(join(folder, 'claims'))).length, 1)
    await t.rejects(claimFolder(folder), /is in use by process/)
    await release()
    t.same(await readdir(join(folder, 'claims')), [])
  },
)

t.test('a cluster whose password file is gone is not touched, and the message says what to do', async (t) => {
  const dataDir = await makeDataDir(t)
  const options = { dataDir, port: 0, settings: { fsync: 'off' } }
  await (await startPostgres(options)).stop()
  await rm(join(dataDir, 'password'))
  for (const time of ['once', 'twice']) {
    await t.rejects(startPostgres(options), /restore the file, or remove the folder/, time)
  }
})
