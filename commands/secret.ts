import { lockSealedValues, replaceSealedValue, type SealedValue } from '../db/sealed-values.ts'
import { inTransaction } from '../db/transaction.ts'
import {
  createKeyRing,
  isSealedByCurrent,
  type KeyRing,
  type Secrets,
  seal,
  unseal,
} from '../domain/sealing.ts'
import { readArguments, UsageError } from './arguments.ts'
import { type Command, withDatabase } from './command.ts'

export const secret: Command = {
  usage: 'secret rotate',
  summary: 'encrypt what is stored under the first secret of FIRSTLOGIN_SECRET',
  async run(config, args, output) {
    const { words } = readArguments(args, { options: {}, min: 1, max: 1 })
    if (words[0] !== 'rotate') throw new UsageError()
    const { changed, unchanged, unreadable } = await withDatabase(config, (sql) =>
      inTransaction(sql, async (tx) => {
        const values = sortOut(await lockSealedValues(tx), config.FIRSTLOGIN_SECRET)
        for (const value of values.changed) await replaceSealedValue(tx, value)
        return values
      }),
    )
    output.line(`Encrypted under the first secret now: ${count(changed)}. Before: ${count(unchanged)}.`)
    if (unreadable.length > 0)
      output.line(
        `Left as they are, since no secret opens them and nothing reads them: ${count(unreadable)}.`,
      )
    output.result({
      encrypted: changed.length,
      unchanged: unchanged.length,
      unreadable: unreadable.length,
    })
    return 0
  },
}

/** What is to be encrypted anew, what is already, and retired keys that cannot be. Throws if anything else does not open. */
function sortOut(values: readonly SealedValue[], secrets: Secrets) {
  const changed: SealedValue[] = []
  const unchanged: SealedValue[] = []
  const unreadable: SealedValue[] = []
  const rings = {
    'signing-keys': createKeyRing(secrets, 'signing-keys'),
    feeds: createKeyRing(secrets, 'feeds'),
  }
  for (const value of values) {
    const ring = rings[value.kind]
    if (!canOpen(ring, value)) {
      if (!value.isRetired) throw new Error(refusal)
      unreadable.push(value)
    } else if (isSealedByCurrent(ring, value.id, value.sealed)) unchanged.push(value)
    else changed.push({ ...value, sealed: seal(ring, value.id, unseal(ring, value.id, value.sealed)) })
  }
  return { changed, unchanged, unreadable }
}

const refusal =
  'FIRSTLOGIN_SECRET does not contain the secret that this database is encrypted with: nothing was changed. ' +
  'Add the former secret at the end of the list.'

function canOpen(ring: KeyRing, { id, sealed }: SealedValue): boolean {
  try {
    unseal(ring, id, sealed)
    return true
  } catch {
    return false
  }
}

function count(values: readonly SealedValue[]): string {
  const keys = values.filter(({ kind }) => kind === 'signing-keys').length
  const feeds = values.length - keys
  return `${keys} signing ${keys === 1 ? 'key' : 'keys'}, ${feeds} ${feeds === 1 ? 'subscription' : 'subscriptions'}`
}
