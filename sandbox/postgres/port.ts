import { once } from 'node:events'
import { createServer } from 'node:net'

const firstPort = 54_330

/** The port to listen on: the one that the caller insists on, or the first free one from 54330; 0 is any free one. */
export async function findPort(wanted: number | undefined): Promise<number> {
  if (wanted === 0) return findQuietPort()
  if (wanted !== undefined) {
    const port = await tryPort(wanted)
    if (port) return port
    throw new Error(
      `Port ${wanted} on 127.0.0.1 is taken: free it, or let the sandbox choose a port for PostgreSQL.`,
    )
  }
  for (let candidate = firstPort; candidate < firstPort + 200; candidate++) {
    const port = await tryPort(candidate)
    if (port) return port
  }
  throw new Error(`No port between ${firstPort} and ${firstPort + 200} on 127.0.0.1 is free for PostgreSQL.`)
}

/** Below the ports that systems give to outgoing connections: until it is listened on, nobody takes it by accident. */
async function findQuietPort(): Promise<number> {
  for (;;) {
    const port = await tryPort(20_000 + Math.floor(Math.random() * 12_000))
    if (port) return port
  }
}

async function tryPort(candidate: number): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen({ port: candidate, host: '127.0.0.1', exclusive: true })
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' ? address?.port : undefined
  } catch {
    return undefined
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
