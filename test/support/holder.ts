import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A client that holds its connection for as long as it can: it never ends its side. */
export interface Holder {
  socket: Socket
  /** All that has come back. */
  heard(): string
  /** Until what has come back matches. */
  hears(pattern: RegExp): Promise<void>
  /** Until the server has sent the end of the stream, or has cut the connection. */
  ended: Promise<void>
}

export async function hold(
  t: Test,
  port: number,
  bytes = '',
  { from = '127.0.0.1', isReading = true } = {},
): Promise<Holder> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  let heard = ''
  if (isReading) socket.on('data', (chunk) => (heard += chunk.toString('latin1')))
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve).once('close', () => resolve())
  })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'connect'), ended])
  if (bytes !== '') socket.write(bytes)
  return {
    socket,
    heard: () => heard,
    async hears(pattern) {
      while (!pattern.test(heard)) {
        if (socket.destroyed || socket.readableEnded)
          throw new Error(`The connection ended after: ${heard || 'nothing'}`)
        await Promise.race([once(socket, 'data'), ended])
      }
    },
    ended,
  }
}
