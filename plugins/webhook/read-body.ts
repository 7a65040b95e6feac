import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { FirstloginError } from '../../errors.ts'

export interface BodyReading {
  /** All of the body. Rejects with FL_BODY_TOO_LARGE beyond the limit, with what `onBytes` throws, or with what it was given up for. */
  bytes: Promise<Buffer>
  /** Reads nothing more. */
  giveUp(error: Error): void
}

/** Reads a request's body of at most `limit` bytes; `onBytes` is called for each part of it. */
export function readBody(payload: Readable, limit: number, onBytes: (count: number) => void): BodyReading {
  const { promise: bytes, resolve, reject } = withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let length = 0

  function onData(chunk: Buffer): void {
    length += chunk.length
    try {
      if (length > limit) throw new FirstloginError('FL_BODY_TOO_LARGE')
      onBytes(chunk.length)
      chunks.push(chunk)
    } catch (error) {
      giveUp(error)
    }
  }

  function onEnd(): void {
    stop()
    resolve(Buffer.concat(chunks, length))
  }

  // The client has gone.
  const onError = (cause: unknown) => giveUp(new FirstloginError('FL_REQUEST_INVALID', { cause }))

  function giveUp(error: unknown): void {
    stop()
    // The rest may fail as well, and is of no interest.
    payload.on('error', () => {}).pause()
    reject(error)
  }

  function stop(): void {
    payload.off('data', onData).off('end', onEnd).off('error', onError)
  }

  payload.on('data', onData).on('end', onEnd).on('error', onError)
  return { bytes, giveUp }
}

function withResolvers<T>() {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [() => {}, () => {}]
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** What the request says that its body has; 0 where only the end of the body will tell. */
export function toContentLength({ headers }: Pick<IncomingMessage, 'headers'>): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 0
}
