import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { until } from './until.ts'

export async function hasPgBouncer(): Promise<boolean> {
  return promisify(execFile)('pgbouncer', ['--version']).then(
    () => true,
    () => false,
  )
}

/** The address of a database through a PgBouncer of the test's own. */
export async function startPgBouncer(
  t: Pick<Test, 'teardown'>,
  database: string,
  mode: 'session' | 'transaction',
): Promise<string> {
  const { hostname, port, username, password } = new URL(database)
  const folder = await mkdtemp(join(tmpdir(), 'pgbouncer-'))
  const own = await findFreePort()
  const settings = `
[databases]
* = host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
auth_type = any
pool_mode = ${mode}
default_pool_size = 40
unix_socket_dir =
`
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(file, settings)
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0
  await chmod(folder, 0o755)
  const child = spawn('pgbouncer', ['-q', ...(isRoot ? ['-u', 'nobody'] : []), file], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  await until(() => isOpen(own))
  const url = new URL(database)
  url.host = `127.0.0.1:${own}`
  return url.href
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
