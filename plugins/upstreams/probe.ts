import { canonicalEmail } from '../../domain/email.ts'
import type { Lookup } from '../../upstreams/upstream.ts'

/** An address that no user can have (RFC 2606). */
const noUser = canonicalEmail('probe@firstlogin.invalid')

/** Asks for an address that does not exist: it shows that the credentials are right, and what is asked of is there. */
export async function probe(lookup: Lookup): Promise<void> {
  await lookup.find(() => ({ emails: [noUser], externalIds: [] }))
}
