import { readFile } from 'node:fs/promises'
import type { TransactionSql } from 'postgres'
import type { Statement, TransactionGuard } from './transaction-guard.ts'

/** Helpers of a handle that make values, and send nothing. */
const valueHelpers = new Set<string | symbol>(['types', 'typed', 'json', 'array'])

/** The same handle; once its transaction is over it throws, and statements that were made before are rejected. */
export function protectHandle(tx: TransactionSql, guard: TransactionGuard): TransactionSql {
  const protect = (value: unknown): unknown =>
    value instanceof Promise ? protectStatement(toStatement(value), guard) : value
  const tag = (...args: unknown[]): unknown => protect(Reflect.apply(tx, undefined, args))

  /** The library's own sends what the file holds as soon as it is read, whatever has happened by then. */
  function file(path: Parameters<typeof readFile>[0], ...rest: unknown[]): unknown {
    const [values, settings] = Array.isArray(rest[0]) ? [rest[0], rest[1]] : [[], rest[0]]
    const options = { prepare: true, simple: values.length === 0, ...(settings as object | undefined) }
    const statement = protectStatement(toStatement(tx.unsafe('', values, options)), guard)
    const { handler } = statement
    statement.handler = async (self) => {
      try {
        statement.strings = [await readFile(path, 'utf8')]
        handler(self)
      } catch (error) {
        self.reject(error)
      }
    }
    return statement
  }

  async function savepoint(...args: unknown[]): Promise<unknown> {
    const [first] = args
    const work = args.at(-1)
    await guard.enter()
    const inside = (inner: TransactionSql) =>
      guard.part(async () => {
        const handle = protectHandle(inner, guard)
        const result: unknown = Array.isArray(first)
          ? Reflect.apply(handle, undefined, args)
          : isFunction(work) && work(handle)
        return Array.isArray(result) ? Promise.all(result) : result
      })
    return guard.orOver<unknown>(
      typeof first === 'string' ? tx.savepoint(first, inside) : tx.savepoint(inside),
    )
  }

  const methods = new Map<string | symbol, unknown>(
    Object.entries({
      unsafe: (...args: unknown[]) => protect(Reflect.apply(tx.unsafe, tx, args)),
      file,
      savepoint,
      prepare: tx.prepare,
      // The library's own notifies on another connection of the pool.
      notify: async (channel: string, payload: string) => tag`select pg_notify(${channel}, ${payload})`,
    }),
  )

  return new Proxy(tx, {
    apply(_target, _self, args: unknown[]): unknown {
      guard.refuseIfOver()
      return tag(...args)
    },
    get(target, name): unknown {
      guard.refuseIfOver()
      if (methods.has(name)) return methods.get(name)
      // What a later version of the library adds stays out until it is known to be harmless.
      return Object.hasOwn(target, name) && !valueHelpers.has(name) ? undefined : Reflect.get(target, name)
    },
  })
}

function protectStatement(statement: Statement, guard: TransactionGuard): Statement {
  const { handler, cursor } = statement
  // After the function of a cursor, the library asks for more rows, on whatever connection there is.
  const protectReader = (arg: unknown) =>
    isFunction(arg) ? (rows: unknown) => guard.part(async () => arg(rows)) : arg
  return Object.assign(statement, {
    handler: (self: Statement) => guard.send(self, handler),
    cursor: (...args: unknown[]) =>
      protectCursor(Reflect.apply(cursor, statement, args.map(protectReader)), guard),
  })
}

function protectCursor(cursor: unknown, guard: TransactionGuard): unknown {
  if (!isAsyncIterable(cursor)) return cursor
  return {
    [Symbol.asyncIterator]() {
      const rows = cursor[Symbol.asyncIterator]()
      return {
        async next() {
          await guard.enter()
          return guard.orOver(rows.next())
        },
        async return() {
          await guard.enter()
          await rows.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

function toStatement(query: Promise<unknown>): Statement {
  if (!isStatement(query)) throw new Error('This version of the package postgres is not supported.')
  return query
}

function isStatement(query: Promise<unknown>): query is Statement {
  return ['handler', 'reject', 'cursor'].every((name) => typeof Reflect.get(query, name) === 'function')
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function isFunction(arg: unknown): arg is (...args: unknown[]) => unknown {
  return typeof arg === 'function'
}
