import type { FastifyRequest } from 'fastify'
import { toLoggable, withoutQuery } from '../../errors.ts'

export const logSerializers = {
  req({ method, url, ip, socket }: FastifyRequest) {
    const port = socket?.remotePort
    return {
      method,
      url: pathOf(url ?? ''),
      remoteAddress: ip,
      ...(port !== undefined && { remotePort: port }),
    }
  },

  /** Fastify's own errors repeat the address of the request. */
  err(error: Error) {
    // What `toLoggable` made of an error already stays as it is.
    if (!(error instanceof Error)) return error
    return { type: error.name, message: '', stack: '', ...toLoggable(error) }
  },
}

/**
 * For the logger of an app: `Fastify({ logger: { ...logOptions } })`. No line holds the query string or a header of a
 * request, for both may hold passwords and tokens.
 */
export const logOptions = {
  serializers: logSerializers,
  hooks: {
    logMethod<Logger>(this: Logger, args: unknown[], log: (this: Logger, ...args: unknown[]) => void): void {
      const [first, ...rest] = args
      // Without a text of its own a line repeats that of its error.
      const error = toError(first)
      const texts = error && rest.length === 0 ? [error.message] : rest
      log.apply(this, [first, ...texts].map(toText))
    },
  },
}

function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0] ?? ''
}

function toError(logged: unknown): Error | undefined {
  if (logged instanceof Error) return logged
  const isObject = typeof logged === 'object' && logged !== null && 'err' in logged
  return isObject && logged.err instanceof Error ? logged.err : undefined
}

function toText(part: unknown): unknown {
  return typeof part === 'string' ? withoutQuery(part) : part
}
