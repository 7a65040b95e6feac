import postgres, { type Options, type Sql } from 'postgres'
import { arrayTypes } from './array-types.ts'

type PoolOptions = Pick<
  Options<Record<string, never>>,
  'max' | 'connect_timeout' | 'backoff' | 'connection' | 'onnotice'
>

/** How long what is under way on a broken pool may take to end. */
const patienceS = 5

/**
 * A pool that starts anew whenever one of its connections breaks. The library does not forget what it was about to send
 * on a broken connection: that goes out before the next greeting, which the database then never understands, so that
 * whoever gets that connection waits for ten seconds.
 */
export function createPool(url: string, options: PoolOptions): Sql {
  let isEnding = false
  let current = open()

  function open(): Sql {
    const pool = postgres(url, {
      ...options,
      fetch_types: false,
      types: arrayTypes,
      // No connection closes by its age, or each time the others would have to follow it.
      max_lifetime: null,
      onclose: () => renew(pool),
    }) as unknown as Sql
    return pool
  }

  function renew(broken: Sql): void {
    if (broken !== current || isEnding) return
    current = open()
    void broken.end({ timeout: patienceS })
  }

  function end(...args: Parameters<Sql['end']>): Promise<void> {
    isEnding = true
    return current.end(...args)
  }

  return new Proxy(current, {
    apply: (_target, _self, args) => Reflect.apply(current, undefined, args) as unknown,
    get: (_target, name) => (name === 'end' ? end : (Reflect.get(current, name) as unknown)),
  })
}
