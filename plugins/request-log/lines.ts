/** Where lines about one request go. */
export interface RequestLines {
  info(line: object): void
  warn(line: object): void
  error(line: object): void
}

/**
 * Lines with the id of a request, on the log of the app: they are written whatever `logLevel` its route has, which is
 * about the lines of the framework alone.
 */
export function createRequestLines(log: RequestLines, { id: reqId }: { id: string }): RequestLines {
  return {
    info: (line) => log.info({ reqId, ...line }),
    warn: (line) => log.warn({ reqId, ...line }),
    error: (line) => log.error({ reqId, ...line }),
  }
}
