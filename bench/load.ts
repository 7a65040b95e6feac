// The load generator. It holds every connection open and sends the next request as soon as an answer is there.
import autocannon from 'autocannon'
import { answerQuestions, tellReady } from './child.ts'

export interface LoadJob {
  url: string
  method: 'GET' | 'POST'
  seconds: number
  /** One for each connection. */
  clients: { headers: Record<string, string>; body?: string }[]
  /** Each answer's refresh token is the body of the client's next request. */
  isChain?: boolean
}

export interface LoadResult {
  perSecond: number
  p50Ms: number
  p99Ms: number
}

const rates = new Map<string, number>()

/**
 * Reads are cut off when time is up. Writes are so many as fill about that time at the rate of the time before: all are
 * answered, and what is left of one measure never runs into the next.
 */
async function load(job: LoadJob): Promise<LoadResult> {
  if (job.method === 'GET') return send(job, { duration: job.seconds })
  const rate = rates.get(job.url) ?? (await send(job, { amount: job.clients.length })).perSecond
  const result = await send(job, { amount: Math.round(Math.max(rate * job.seconds, job.clients.length)) })
  rates.set(job.url, result.perSecond)
  return result
}

async function send(
  { url, method, clients, isChain }: LoadJob,
  end: { duration: number } | { amount: number },
): Promise<LoadResult> {
  let connected = 0
  const result = await autocannon({
    url,
    method,
    connections: clients.length,
    ...end,
    sampleInt: 20,
    timeout: 30,
    setupClient(client) {
      const own = clients[connected++] ?? { headers: {} }
      client.setHeadersAndBody(own.headers, own.body)
      if (!isChain) return
      let answer = ''
      client.on('body', (chunk) => (answer += chunk))
      client.on('response', (status) => {
        if (status === 200) own.body = nextBody(answer)
        client.setBody(own.body ?? '')
        answer = ''
      })
    },
  })
  const failures = result.non2xx + result.errors
  if (failures > 0) throw new Error(`${failures} requests to ${url} failed, ${result['2xx']} did not.`)
  return { perSecond: result['2xx'] / result.duration, p50Ms: result.latency.p50, p99Ms: result.latency.p99 }
}

function nextBody(answer: string): string {
  const { refreshToken } = JSON.parse(answer) as { refreshToken: string }
  return JSON.stringify({ refreshToken })
}

answerQuestions(load)
tellReady(undefined)
