import { HttpFailure, type HttpRequest, type HttpResponse } from '../upstream.ts'
import type { ProbeOptions } from './probe.ts'
import type { Subject } from './subject.ts'

/** A bad day of an upstream, as an http function shows it. */
export interface Fault {
  name: string
  answer: (request: HttpRequest) => HttpResponse
  /** Whoever asks for one thing by its name cannot tell it from the answer that it is not there. */
  mayMeanNothing?: true
}

const html = '<html><head><title>Oops</title></head><body><h1>Oops</h1></body></html>'

function answerWith(status: number, body: string, headers: HttpResponse['headers'] = {}) {
  const type = body.startsWith('<') ? 'text/html' : 'application/json'
  return (): HttpResponse => ({ status, headers: { 'content-type': type, ...headers }, body })
}

function fail(kind: HttpFailure['kind']) {
  return (): never => {
    throw new HttpFailure(kind, new Error('The kit has cut it off.'))
  }
}

export const rateLimited: Fault = {
  name: 'a 429',
  answer: answerWith(429, '{"error":"slow down"}', { 'retry-after': '7' }),
}

export const brokenConnection: Fault = { name: 'a connection that breaks', answer: fail('network') }

export const faults: readonly Fault[] = [
  brokenConnection,
  { name: 'an answer that does not come in time', answer: fail('timeout') },
  { name: 'an answer that is too large', answer: fail('oversize') },
  rateLimited,
  { name: 'a 500', answer: answerWith(500, '{"error":"it is us"}') },
  { name: 'a 502 with the page of a proxy', answer: answerWith(502, html) },
  { name: 'a 503 without a body', answer: answerWith(503, '') },
  { name: 'a 401', answer: answerWith(401, '{"error":"who are you"}') },
  { name: 'a 403', answer: answerWith(403, '{"error":"not you"}') },
  { name: 'a 404 with the page of a proxy', answer: answerWith(404, html), mayMeanNothing: true },
  { name: 'a redirect', answer: answerWith(302, '', { location: 'https://elsewhere.example/' }) },
  { name: 'half a body', answer: answerWith(200, '{"data":[{"id":"0a5f0c5e') },
  { name: 'an empty body', answer: answerWith(200, '') },
  { name: 'a page of HTML that says 200', answer: answerWith(200, html) },
  ...['null', '1', '"nobody"', '{}', '[null]', '[1]', '{"data":{},"items":1}'].map((body) => ({
    name: `${body} instead of the documented shape`,
    answer: answerWith(200, body),
  })),
]

/**
 * Answers all calls but those that open the API with a fault, or those alone. Meanwhile an hour passes, so that nobody
 * tries again.
 */
export function withFault(subject: Subject, { answer }: Fault, only: 'calls' | 'logins' = 'calls') {
  const isHit = (request: HttpRequest) => (subject.isLogin?.(request) ?? false) === (only === 'logins')
  return {
    async answer(request, ask, { advance }) {
      if (!isHit(request)) return ask(request)
      advance(3_600_000)
      return answer(request)
    },
  } satisfies ProbeOptions
}
