import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

/** Answers the status once all of the answer has come. Its connection is its own, and keeps no process alive. */
export function post(
  url: URL,
  body: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp
    const sent = request(url, { method: 'POST', agent: false, headers, signal }, (response) => {
      response.on('error', reject)
      response.once('end', () => resolve(response.statusCode ?? 0))
      response.resume()
    })
    sent.once('socket', (socket) => socket.unref())
    sent.on('error', reject)
    sent.end(body)
  })
}
