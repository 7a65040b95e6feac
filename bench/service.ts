import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Service {
  pid: number
  url: string
  stop(): Promise<void>
}

/** The service as it runs in production, its log thrown away; its settings are what is given. */
export async function startService(settings: Record<string, string>, execArgv: string[]): Promise<Service> {
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const child = spawn(
    process.execPath,
    [...execArgv, fileURLToPath(new URL('../server.js', import.meta.url)), 'start'],
    {
      env: { NODE_ENV: 'production', PORT: String(port), BASE_URL: url, ...settings },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  await untilReady(child, url)
  return {
    pid: child.pid ?? 0,
    url,
    async stop() {
      process.off('exit', killWithUs)
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (child.exitCode !== null) throw new Error('The service did not start.')
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.ok) return
    await sleep(100)
  }
  throw new Error('The service did not get ready.')
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('There is no free port.')
  return address.port
}
