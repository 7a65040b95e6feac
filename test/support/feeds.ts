import { commands } from '../../commands/index.ts'
import { loadConfig } from '../../config.ts'
import { findPort } from '../../sandbox/postgres/port.ts'
import type { Service, World } from './service.ts'

/** An instance that listens where pings will go. */
export async function listenForPings(world: World, env: Record<string, string> = {}) {
  const port = await findPort(0)
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
  onLine: (line: string) => void = () => {},
) {
  const lines: string[] = []
  const command = commands.get(name)
  if (!command || !('run' in command)) throw new Error(`${name} is no command that has settings.`)
  const code = await command.run(loadConfig(world.env(env)), args, (line) => {
    lines.push(line)
    onLine(line)
  })
  return { code, lines }
}
