import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface Proxy {
  /** The address that leads through the proxy. */
  url: string
  /** Every connection breaks and no new one is taken. */
  cut(): Promise<void>
  mend(): Promise<void>
  /** The connection breaks that the database sees coming from this port. */
  reset(port: number): void
}

/** A wire to a database that a test can cut. */
export async function createProxy(
  t: Pick<Test, 'teardown'>,
  target: string,
  /** What becomes of the bytes on their way to the database. */
  toDatabase: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const pairs = new Map<Socket, Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    near.on('data', (bytes) => void far.write(toDatabase(bytes))).on('end', () => far.end())
    far.pipe(near)
    pairs.set(near, far)
    near.on('close', () => pairs.delete(near))
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => sockets.delete(socket) && (near.destroy(), far.destroy()))
    }
  })
  const listen = async (at: number) => {
    server.listen(at, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const open = await listen(0)
  async function cut() {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  function reset(port: number) {
    for (const [near, far] of pairs) if (far.localPort === port) near.resetAndDestroy()
  }
  t.teardown(cut)
  const url = new URL(target)
  url.host = `127.0.0.1:${open}`
  return { url: url.href, cut, reset, mend: async () => void (await listen(open)) }
}
