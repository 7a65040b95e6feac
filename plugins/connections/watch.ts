import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { clientNetwork } from '../../domain/network.ts'
import { endSlowly } from './end-slowly.ts'
import { createConnectionTable } from './table.ts'

/** Why a connection was destroyed that its client had not closed. */
export type EndReason = 'full' | 'unsent_body' | 'unread_answer' | 'pipelined'

export interface ConnectionLimits {
  /** Open connections. For one more, the one that has waited for its client the longest is destroyed. */
  max: number
  /** How long the rest of a request may take to arrive once the request is answered. */
  restTimeoutMs: number
  /** How long a client may leave an answer unread. */
  answerTimeoutMs: number
  /** Requests of one connection that are worked on at once. */
  maxPipelined: number
}

interface Connection {
  socket: Socket
  network: string
  responses: Set<ServerResponse>
  /** How many sweeps in a row found bytes that the client had not taken. */
  stuckSweeps: number
  isBusy(): boolean
}

/** A request with a longer rest of its body ends its connection when it is refused: nothing of the rest is read. */
const maxRestBytes = 65_536
const sweepMs = 1_000

/**
 * Keeps the connections of a server finite in number and in time. Node itself limits how long a request may take to arrive
 * and how long a connection may be silent; this limits the rest. `refusal` is what a connection is sent when all are busy.
 */
export function watchConnections(
  server: Server,
  limits: ConnectionLimits,
  refusal: () => string,
  onEnded: (reason: EndReason) => void,
): void {
  const table = createConnectionTable<Connection>()
  const connections = new Map<Socket, Connection>()

  function end(connection: Connection, reason: EndReason): void {
    table.remove(connection)
    connection.socket.destroy()
    onEnded(reason)
  }

  function takeIn(socket: Socket): void {
    if (table.size >= limits.max) {
      const idlest = table.findIdlest()
      if (!idlest) {
        onEnded('full')
        return void socket.end(refusal(), () => socket.destroy())
      }
      end(idlest, 'full')
    }
    const responses = new Set<ServerResponse>()
    const connection: Connection = {
      socket,
      network: clientNetwork(socket.remoteAddress ?? ''),
      responses,
      stuckSweeps: 0,
      // What waits for the client to send or to read does not count.
      isBusy: () =>
        socket.writableLength === 0 &&
        some(responses, (response) => response.req.complete && !response.writableEnded),
    }
    table.add(connection)
    connections.set(socket, connection)
    socket.once('close', () => {
      table.remove(connection)
      connections.delete(socket)
    })
    // Node calls this after the last answer of a connection.
    const destroySoon = socket.destroySoon.bind(socket)
    socket.destroySoon = () => {
      if (some(responses, ({ req }) => !req.complete)) endSlowly(socket)
      else destroySoon()
    }
  }

  function takeRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = connections.get(request.socket)
    if (!connection) return
    const { responses } = connection
    responses.add(response)
    response.once('close', () => {
      responses.delete(response)
      connection.stuckSweeps = 0
      table.renew(connection)
    })
    if (responses.size > limits.maxPipelined) return end(connection, 'pipelined')
    const rest = bodyLengthOf(request)
    if (rest > maxRestBytes) closeUnlessRead(request, response)
    else if (rest > 0) response.once('finish', () => awaitRest(connection, request))
  }

  /** What is answered before all of the body is there is the last answer of its connection. */
  function closeUnlessRead(request: IncomingMessage, response: ServerResponse): void {
    if (!response.shouldKeepAlive) return
    response.shouldKeepAlive = false
    request.once('end', () => {
      response.shouldKeepAlive = true
    })
  }

  function awaitRest(connection: Connection, request: IncomingMessage): void {
    if (request.complete) return
    const timer = setTimeout(() => end(connection, 'unsent_body'), limits.restTimeoutMs)
    timer.unref()
    request.once('close', () => clearTimeout(timer)).once('end', () => clearTimeout(timer))
  }

  function sweep(): void {
    for (const connection of connections.values()) {
      connection.stuckSweeps = connection.socket.writableLength > 0 ? connection.stuckSweeps + 1 : 0
      if (connection.stuckSweeps * sweepMs > limits.answerTimeoutMs) end(connection, 'unread_answer')
    }
  }

  server.on('connection', takeIn)
  server.prependListener('request', takeRequest)
  const timer = setInterval(sweep, sweepMs)
  timer.unref()
  server.once('close', () => clearInterval(timer))
}

/** Infinity for one that only its end tells. */
function bodyLengthOf({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY
  return Number(headers['content-length'] ?? 0)
}

function some<T>(values: Iterable<T>, isSo: (value: T) => boolean): boolean {
  for (const value of values) if (isSo(value)) return true
  return false
}
