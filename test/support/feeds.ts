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
