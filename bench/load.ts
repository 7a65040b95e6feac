// The load generator. It holds every connection open and sends the next request as soon as an answer is there.
import autocannon from 'autocannon'
import { answerQuestions, tellReady } from './child.ts'
import { createEvent } from './events.ts'

export interface LoadJob {
  url: string
  method: 'GET' | 'POST'
  seconds: number
  /** One for each connection. */
  clients: { headers: Record<string, string>; body?: string }[]
  /** Each answer's refresh token is the body of the client's next request. */
  isChain?: boolean
  /** Every request is a new event; all are signed before the first is sent. */
  isEvents?: boolean
}

export interface LoadResult {
  /** Of status 200. */
  answers: number
  perSecond: number
  p50Ms: number
  p99Ms: number
}

const rates = new Map<string, number>()
const eventsMade = new Map<string, number>()

/**
 * Reads are cut off when time is up. Writes are so many as fill about that time at the rate of the time before: all are
 * answered, and what is left of one measure never runs into the next.
 */
async function load(job: LoadJob): Promise<LoadResult> {
  if (job.method === 'GET') return send(job, { duration: job.seconds })
  const trial = rates.has(job.url) ? undefined : await send(job, { amount: job.clients.length })
  const rate = rates.get(job.url) ?? trial?.perSecond ?? 0
  const result = await send(job, { amount: Math.round(Math.max(rate * job.seconds, job.clients.length)) })
  rates.set(job.url, result.perSecond)
  return { ...result, answers: result.answers + (trial?.answers ?? 0) }
}

async function send(
  { url, method, clients, isChain, isEvents }: LoadJob,
  end: { duration: number } | { amount: number },
): Promise<LoadResult> {
  let connected = 0
  const events = isEvents && 'amount' in end ? makeEvents(url, end.amount + clients.length) : []
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
      if (isEvents) {
        // Also after its last answer, which is why there is one more for each.
        const takeEvent = () => {
          const event = events.pop()
          if (event) client.setHeadersAndBody(event.headers, event.body)
        }
        takeEvent()
        client.on('response', takeEvent)
      }
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
  return {
    answers: result['2xx'],
    perSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  }
}

/** The next events for that address, the last first. */
function makeEvents(url: string, count: number): ReturnType<typeof createEvent>[] {
  const first = eventsMade.get(url) ?? 0
  eventsMade.set(url, first + count)
  return Array.from({ length: count }, (_, index) => createEvent(first + index)).toReversed()
}

function nextBody(answer: string): string {
  const { refreshToken } = JSON.parse(answer) as { refreshToken: string }
  return JSON.stringify({ refreshToken })
}

answerQuestions(load)
tellReady(undefined)
