// Keeps the PostgreSQL of one test run until its runner is gone, however it went.
import { chmod, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { birthOf } from '../../sandbox/postgres/processes.ts'
import { startPostgres } from '../../sandbox/postgres.ts'
import { findFastPlace } from './place.ts'
import { removeAbandonedRuns, removeRun, runFileOf, writeRun } from './runs.ts'

const runner = Number(process.argv[2])
const runnerBirth = birthOf(runner)
const file = runFileOf(runner)

let wanted = true
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => (wanted = false))

await removeAbandonedRuns()
const dataDir = await mkdtemp(join(await findFastPlace(), 'firstlogin-test-'))
// As root, PostgreSQL runs as somebody else, who has to walk through this folder.
await chmod(dataDir, 0o711)
const { url, cluster, stop } = await startPostgres({
  dataDir,
  port: 0,
  settings: {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    checkpoint_timeout: '1h',
    max_wal_size: '512MB',
  },
})
const run = { url, cluster, dataDir, keeper: process.pid, keeperBirth: birthOf(process.pid) ?? '' }
await writeRun(file, run)

while (wanted && runnerBirth && birthOf(runner) === runnerBirth) await sleep(200)
await stop()
await removeRun(file, run)
