import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { FaultKind } from './faults.ts'

/** What differs from vendor to vendor. */
export interface FaultWords {
  /** A good answer without content. */
  empty: string
  /** The beginning of an answer, broken off inside a string. */
  broken: string
  /** Around a very long string, so that nothing but its size is wrong with the answer. */
  huge: readonly [before: string, after: string]
  jsonType: string
  dripMs: number
  oversizeBytes: number
  /** How the vendor says these: each throws, or sends. */
  say: Record<
    'rate_limit' | 'quota' | 'error_500' | 'unauthorized' | 'forbidden',
    (reply: FastifyReply) => void
  >
}

/** Ends a call before any route sees it: sends, takes the socket over, or throws. */
export type FaultAnswer = (reply: FastifyReply, answered: (status: number) => void) => void

const html =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n' +
  '<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n'

export function createFaultAnswers(words: FaultWords): Record<Exclude<FaultKind, 'none'>, FaultAnswer> {
  const { empty, broken, huge, jsonType, dripMs, oversizeBytes, say } = words
  const jsonHeaders = (length: number) => ({ 'content-type': jsonType, 'content-length': length })

  function* hugeJson(): Generator<string> {
    const text = 'x'.repeat(64 * 1024)
    yield huge[0]
    for (let sent = 0; sent < oversizeBytes; sent += text.length) yield text
    yield huge[1]
  }

  return {
    ...say,

    // One port serves the API and its control, so it cannot stop listening: the connection is taken, and dropped
    // before any byte is answered.
    refuse: (reply) => reply.hijack().raw.socket?.destroy(),

    reset: (reply) => reply.hijack().raw.socket?.resetAndDestroy(),

    stall(reply) {
      reply.hijack()
    },

    drip(reply, answered) {
      const { raw } = reply.hijack()
      answered(200)
      raw.writeHead(200, jsonHeaders(empty.length))
      raw.flushHeaders()
      let sent = 0
      const timer = setInterval(() => {
        raw.write(empty.charAt(sent))
        sent += 1
        if (sent === empty.length) raw.end()
      }, dripMs)
      raw.once('close', () => clearInterval(timer))
    },

    html_502(reply) {
      reply.code(502).type('text/html').send(html)
    },

    malformed(reply) {
      reply.header('content-type', jsonType).send(broken)
    },

    half_body(reply, answered) {
      const { raw } = reply.hijack()
      answered(200)
      raw.writeHead(200, jsonHeaders(broken.length * 2))
      raw.write(broken, () => raw.socket?.destroySoon())
    },

    oversize(reply) {
      reply.header('content-type', jsonType).send(Readable.from(hugeJson()))
    },
  }
}
