// A service with nothing but its database, for tests that start, stop and kill it as a process.
import { startPostgres } from '../../sandbox/postgres.ts'

const [dataDir = '', port] = process.argv.slice(2)

try {
  const postgres = await startPostgres({
    dataDir,
    ...(port ? { port: Number(port) } : {}),
    settings: { fsync: 'off' },
    log: (message) => process.stderr.write(`${message}\n`),
  })
  process.on('SIGTERM', () => postgres.stop().then(() => process.exit()))
  process.on('SIGUSR2', () => process.exit())
  setInterval(() => {}, 60_000)
  process.stdout.write(`${JSON.stringify({ url: postgres.url, folder: postgres.cluster.folder })}\n`)
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`,
  )
  process.exitCode = 1
}
