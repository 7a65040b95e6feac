import { isSocketFault } from './faults.ts'

/** A query of the library, with what its types leave out. */
export interface Statement extends Promise<unknown> {
  strings: string[]
  /** Sends the statement; a microtask after it is first awaited. */
  handler: (statement: Statement) => unknown
  reject: (reason: unknown) => void
  cursor: (...args: unknown[]) => unknown
  /** The server process that the statement was sent to; the library changes it when the connection is made anew. */
  state: { pid: number } | null
}

/** Knows whether a transaction and its connection are still there, and sends nothing otherwise. */
export interface TransactionGuard {
  /** Runs the work of the whole transaction, as `part` does. Whatever is asked for later is refused. */
  run<T>(work: () => Promise<T>): Promise<T>
  /**
   * Returns or throws what the work does, when all that it has asked for is sent. Never returns where the transaction is
   * over, because the library would send something next (`commit`, `rollback`): on no connection, which ends the process
   * (https://github.com/porsager/postgres/issues/1208), or on its successor, in a transaction of another caller
   * (https://github.com/porsager/postgres/issues/1216).
   */
  part<T>(work: () => Promise<T>): Promise<T>
  /** Sends the statement by this handler of the library, or rejects it. */
  send(statement: Statement, handler: Statement['handler']): Promise<void>
  /** Waits until it is known that something may be sent now; throws where nothing may. */
  enter(): Promise<void>
  /** Returns at once, before a connection that closes in this turn is known. */
  refuseIfOver(): void
  /** As `pending`, and rejects when the transaction is over. */
  orOver<T>(pending: Promise<T>): Promise<T>
  /** Ends the transaction: its connection is gone. */
  lose(cause: unknown): void
  /** Rejects when the connection is lost, and stays pending otherwise. */
  lost: Promise<never>
}

/**
 * When a connection closes, `begin` rejects three microtasks later. After ten, within the same turn of the event loop,
 * every connection that has closed is known to be.
 */
async function untilClosesAreKnown(): Promise<void> {
  for (let microtask = 0; microtask < 10; microtask += 1) await Promise.resolve()
}

const never = () => new Promise<never>(() => {})

export function createTransactionGuard(): TransactionGuard {
  let refusal: Error | undefined
  /** Statements and savepoints that have been asked for and not yet been sent. */
  let entering = 0
  const sent = new Set<Statement>()
  let server: { state: { pid: number }; pid: number } | undefined
  const loss = createRejection()
  const over = createRejection()

  function end(reason: Error): void {
    refusal ??= reason
    over.reject(refusal)
  }

  function lose(cause: unknown): void {
    const reason = createClosedError('The transaction is over: its connection is gone.', cause)
    end(reason)
    loss.reject(cause)
    // The library forgets those that it had not sent yet: https://github.com/porsager/postgres/issues/1186
    for (const statement of sent) statement.reject(reason)
    sent.clear()
  }

  function noticeLoss(error: unknown): void {
    if (isSocketFault(error)) lose(error)
  }

  function refuseIfOver(): void {
    if (server && server.state.pid !== server.pid) lose(createClosedError('The connection was made anew.'))
    if (refusal) throw refusal
  }

  async function enter(): Promise<void> {
    entering += 1
    await untilClosesAreKnown()
    entering -= 1
    refuseIfOver()
  }

  async function send(statement: Statement, handler: Statement['handler']): Promise<void> {
    try {
      await enter()
      sent.add(statement)
      statement.then(
        () => sent.delete(statement),
        (error: unknown) => {
          sent.delete(statement)
          noticeLoss(error)
        },
      )
      handler(statement)
      if (statement.state) server ??= { state: statement.state, pid: statement.state.pid }
    } catch (error) {
      // As the library does for all statements of a transaction: one that is not awaited must not end the process.
      statement.catch(() => {})
      statement.reject(error)
    }
  }

  async function orOver<T>(pending: Promise<T>): Promise<T> {
    try {
      return await Promise.race([pending, over.promise])
    } catch (error) {
      noticeLoss(error)
      throw error
    }
  }

  async function part<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      await untilAllIsSent()
      return refusal ? await never() : result
    } catch (error) {
      await untilAllIsSent()
      if (refusal) await never()
      throw error
    }
  }

  async function untilAllIsSent(): Promise<void> {
    await untilClosesAreKnown()
    while (entering > 0) await Promise.resolve()
  }

  async function run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await part(work)
    } finally {
      end(new Error('The transaction is over: await everything inside of its work.'))
    }
  }

  return { run, part, send, enter, refuseIfOver, orOver, lose, lost: loss.promise }
}

function createClosedError(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code: 'CONNECTION_CLOSED' })
}

function createRejection() {
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<never>((_resolve, rejects) => {
    reject = rejects
  })
  promise.catch(() => {})
  return { promise, reject }
}
