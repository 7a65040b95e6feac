import { once } from 'node:events'
import { createServer } from 'node:net'
import { commands } from '../../commands/index.ts'
import { loadConfig } from '../../config.ts'
import type { Service, World } from './service.ts'

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** An instance that listens where pings will go. */
export async function listenForPings(world: World, env: Record<string, string> = {}) {
  const port = await findFreePort()
  const own = { BASE_URL: `http://127.0.0.1:${port}`, ...env }
  const service: Service = await world.start(own)
  await service.app.listen({ port, host: '127.0.0.1' })
  return { ...service, env: own, service }
}

/** What a chore prints, and its exit code. */
export async function runCommand(
  world: World,
  [name = '', ...args]: string[],
  env: Record<string, string> = {},
) {
  const lines: string[] = []
  const code = await commands.get(name)?.run(loadConfig(world.env(env)), args, (line) => lines.push(line))
  return { code, lines }
}
