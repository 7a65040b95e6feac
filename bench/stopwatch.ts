import type { FastifyInstance } from 'fastify'

/** How long a server took over its answers: from the request's head to the last byte handed to the system. */
export interface Stopwatch {
  /** Milliseconds since the last reading, all answers added up, and how many they were. */
  read(): { ms: number; answers: number }
}

/** Must be there before the server listens. */
export function createStopwatch(app: FastifyInstance): Stopwatch {
  let ms = 0
  let answers = 0
  app.server.prependListener('request', (_request, response) => {
    const started = performance.now()
    response.once('finish', () => {
      ms += performance.now() - started
      answers += 1
    })
  })
  return {
    read() {
      const reading = { ms, answers }
      ms = 0
      answers = 0
      return reading
    },
  }
}
