import { Agent, type IncomingMessage, request } from 'node:http'

export interface Answered {
  status: number
  /** Whether the server said that it is the last one on its connection. */
  isLast: boolean
  body: string
}

/** One connection that is kept open, as a proxy's to the service behind it; rejects when an answer does not come whole. */
export function createClient(address: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let connections = 0
  let isClosed = false

  async function ask(method: 'GET' | 'POST', path: string, body?: object): Promise<Answered> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = body ? { 'content-type': 'application/json' } : {}
      const asking = request(address + path, { agent, method, headers }, resolve)
      asking.once('error', reject)
      asking.once('socket', (socket) => {
        if (!socket.connecting) return
        connections += 1
        socket.once('close', () => (isClosed = true))
      })
      asking.end(body && JSON.stringify(body))
    })
    let text = ''
    for await (const chunk of response) text += chunk
    if (!response.complete) throw new Error('The answer was cut off.')
    return { status: response.statusCode ?? 0, isLast: response.headers.connection === 'close', body: text }
  }

  return {
    ask,
    /** How many connections it needed. */
    get connections() {
      return connections
    },
    get isClosed() {
      return isClosed
    },
    close: () => agent.destroy(),
  }
}
