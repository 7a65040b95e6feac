import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a client may take to read the last answer of its connection. */
const lingerMs = 2000
/** Bytes that are still read, and thrown away: small rests, so that the client's own end is noticed. */
const maxDiscarded = 65_536
const ending = new WeakSet<Socket>()
const finishing = new WeakSet<Socket>()

/**
 * Sends the text and the end of the stream, takes in nothing more, and destroys the socket when the client has ended it
 * as well, or two seconds later. A socket that is destroyed at once, with bytes unread, resets the connection: the client may lose the answer (RFC 9112, 9.6).
 * One that is only ended stays open for as long as its client likes.
 */
export function endSlowly(socket: Socket, text = ''): void {
  if (ending.has(socket) || socket.destroyed) return
  ending.add(socket)
  socket.end(text)
  discard(socket)
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
}

/** The same, once the answer that is due has been sent. */
export function endAfter(socket: Socket, response: ServerResponse): void {
  if (finishing.has(socket)) return
  finishing.add(socket)
  response.shouldKeepAlive = false
  discard(socket)
  response.once('close', () => endSlowly(socket))
}

/** Whether the connection takes in nothing more. */
export function isEnding(socket: Socket): boolean {
  return ending.has(socket) || finishing.has(socket)
}

/** Node's parser sees nothing more of it. */
function discard(socket: Socket): void {
  let left = maxDiscarded
  socket.removeAllListeners('data')
  socket.on('data', (bytes: Buffer) => {
    left -= bytes.length
    if (left < 0) socket.pause()
  })
}
