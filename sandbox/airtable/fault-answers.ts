import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { authenticationRequired, noSuchModel, pluralError, rateLimitReached, typedError } from './errors.ts'
import type { FaultKind } from './faults.ts'
import type { Knobs } from './options.ts'

/** Ends a call before any route sees it: sends, takes the socket over, or throws an AirtableError. */
export type FaultAnswer = (reply: FastifyReply, answered: (status: number) => void, knobs: Knobs) => void

const emptyPage = '{"records":[]}'
const brokenJson = '{"records":[{"id":"recBrokenBroken","fields":{"Email":"'

const html =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n' +
  '<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n'

export const faultAnswers: Record<Exclude<FaultKind, 'none'>, FaultAnswer> = {
  // One port serves the API and its control, so it cannot stop listening: the connection is taken, and dropped
  // before any byte is answered.
  refuse: (reply) => reply.hijack().raw.socket?.destroy(),

  reset: (reply) => reply.hijack().raw.socket?.resetAndDestroy(),

  stall(reply) {
    reply.hijack()
  },

  drip(reply, answered, knobs) {
    const { raw } = reply.hijack()
    answered(200)
    raw.writeHead(200, jsonHeaders(emptyPage.length))
    raw.flushHeaders()
    let sent = 0
    const timer = setInterval(() => {
      raw.write(emptyPage.charAt(sent))
      sent += 1
      if (sent === emptyPage.length) raw.end()
    }, knobs.dripMs)
    raw.once('close', () => clearInterval(timer))
  },

  rate_limit() {
    throw rateLimitReached()
  },

  quota(_reply, _answered, knobs) {
    const code = 'PUBLIC_API_BILLING_LIMIT_EXCEEDED'
    const message =
      "API billing plan limit exceeded. You've reached the maximum number of requests allowed for this month."
    throw knobs.quotaEnvelope === 'plural' ? pluralError(429, code, message) : typedError(429, code, message)
  },

  error_500() {
    throw typedError(500, 'SERVER_ERROR', 'Internal server error')
  },

  html_502(reply) {
    reply.code(502).type('text/html').send(html)
  },

  malformed(reply) {
    reply.type('application/json; charset=utf-8').send(brokenJson)
  },

  half_body(reply, answered) {
    const { raw } = reply.hijack()
    answered(200)
    raw.writeHead(200, jsonHeaders(brokenJson.length * 2))
    raw.write(brokenJson, () => raw.socket?.destroySoon())
  },

  oversize(reply, _answered, knobs) {
    reply.type('application/json; charset=utf-8').send(Readable.from(hugeJson(knobs.oversizeBytes)))
  },

  unauthorized() {
    throw authenticationRequired()
  },

  forbidden() {
    throw noSuchModel()
  },
}

function jsonHeaders(length: number) {
  return { 'content-type': 'application/json; charset=utf-8', 'content-length': length }
}

/** Well-formed to the end, so that nothing but its size is wrong with it. */
function* hugeJson(bytes: number): Generator<string> {
  const text = 'x'.repeat(64 * 1024)
  yield '{"records":[{"id":"recOversize000001","createdTime":"2026-01-05T09:00:00.000Z","fields":{"Name":"'
  for (let sent = 0; sent < bytes; sent += text.length) yield text
  yield '"}}]}'
}
