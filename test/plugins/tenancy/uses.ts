import type { TransactionSql } from 'postgres'

/** Everything that a handle can be used for, with statements that mark the run `name`; `file` marks it, too. */
export function listUses(
  name: string,
  file: string,
): Record<string, (tx: TransactionSql) => PromiseLike<unknown>> {
  const three = (tx: TransactionSql) => tx`select mark(${name}) from generate_series(1, 3)`
  return {
    'a statement': (tx) => tx`select mark(${name})`,
    'a statement without values': (tx) => tx`select mark(${tx.unsafe(`'${name}'`)})`,
    'a simple statement': (tx) => tx`select mark(${tx.unsafe(`'${name}'`)})`.simple(),
    'a statement with a part': (tx) => tx`select mark(${name}) ${tx`where ${true}`}`,
    'a statement that is sent before it is awaited': (tx) => tx`select mark(${name})`.execute(),
    'unsafe text': (tx) => tx.unsafe(`select mark('${name}')`),
    'unsafe text with values': (tx) => tx.unsafe('select mark($1)', [name]),
    'two statements in one text': (tx) => tx.unsafe(`select mark('${name}'); select mark('${name}')`),
    'a file': (tx) => tx.file(file),
    'a file with settings': (tx) => tx.file(file, [], { cache: true }),
    'two at once': (tx) => Promise.all([tx`select mark(${name})`, tx`select mark(${name})`]),
    'rows as they come': (tx) => three(tx).forEach(() => {}),
    'raw rows': (tx) => three(tx).raw(),
    'arrays of values': (tx) => three(tx).values(),
    'a cursor with a function': (tx) => three(tx).cursor(1, async () => {}),
    'a cursor in a loop': async (tx) => {
      let rows = 0
      for await (const found of three(tx).cursor(1)) rows += found.length
      if (rows !== 3) throw new Error(`The cursor ended after ${rows} rows.`)
    },
    'a cursor that is left': async (tx) => {
      for await (const [row] of three(tx).cursor(1)) if (row) break
    },
    'a savepoint': (tx) => tx.savepoint((part) => part`select mark(${name})`),
    'a named savepoint': (tx) => tx.savepoint('named', (part) => part.unsafe(`select mark('${name}')`)),
    'a savepoint of several': (tx) =>
      tx.savepoint((part) => [part`select mark(${name})`, part`select mark(${name})`]),
    'a savepoint in a savepoint': (tx) =>
      tx.savepoint((part) => part.savepoint((inner) => inner`select mark(${name})`)),
    'a savepoint that fails': async (tx) => {
      const failed = tx.savepoint(async (part) => {
        await part`select mark(${name})`
        throw new Error('of the part')
      })
      await failed.catch((error: unknown) => {
        if (!(error instanceof Error) || error.message !== 'of the part') throw error
      })
    },
    'a notification': async (tx) => {
      await tx.notify('marks', name)
    },
  }
}
