import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { StoredFeed } from '../../db/feeds.ts'
import { type KeyRing, seal, unseal } from '../../domain/sealing.ts'
import type { Subscription } from '../../upstreams/upstream.ts'

const kept = Compile(Type.Object({ id: Type.String(), secret: Type.String() }))

export function toStored(keys: KeyRing, upstream: string, { cursor, ...rest }: Subscription): StoredFeed {
  return { sealedSubscription: seal(keys, upstream, JSON.stringify(rest)), cursor }
}

/** Throws for one that was sealed under another key. */
export function toSubscription(keys: KeyRing, upstream: string, stored: StoredFeed): Subscription {
  const rest = open(keys, upstream, stored.sealedSubscription)
  if (!kept.Check(rest)) throw new Error('The kept subscription is not one.')
  return { ...rest, cursor: stored.cursor }
}

function open(keys: KeyRing, upstream: string, sealed: Buffer): unknown {
  try {
    return JSON.parse(unseal(keys, upstream, sealed))
  } catch (cause) {
    const reason = 'The subscription was made under another FIRSTLOGIN_SECRET'
    throw new Error(`${reason}: run \`firstlogin subscribe\` again.`, { cause })
  }
}
