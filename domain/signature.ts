import type { KeyObject } from 'node:crypto'
import { verifyAirtable } from './signature/airtable.ts'
import type { SignatureHeaders } from './signature/headers.ts'
import {
  createBase64Key,
  createSharedStandardKeys,
  createStandardKey,
  createTextKey,
} from './signature/keys.ts'
import { verifyPlain } from './signature/plain.ts'
import { refuse } from './signature/refuse.ts'
import { type MessageProof, verifyStandard } from './signature/standard.ts'

export type { SignatureHeaders }

/** Live secrets by dialect. Several are valid at once, so that a secret can be replaced without a gap. */
export interface SignatureSecrets {
  /** `x-signature` and Standard Webhooks under one and the same secret. */
  shared?: readonly string[]
  /** `x-signature: <hex>` or `sha256=<hex>`; the secret's characters are the key. */
  plain?: readonly string[]
  /** `webhook-id`, `webhook-timestamp`, `webhook-signature`; `whsec_...` or `whpk_...`. */
  standard?: readonly string[]
  /** The same under Svix's names: `svix-id`, `svix-timestamp`, `svix-signature`. */
  svix?: readonly string[]
  /** `x-airtable-content-mac`; `macSecretBase64` as Airtable gave it. */
  airtable?: readonly string[]
}

export type Dialect = 'plain' | 'standard' | 'svix' | 'airtable'

export type SignatureKeys = Readonly<Record<Dialect, readonly KeyObject[]>>

/** What a signature proved. Only Standard Webhooks and Svix cover more than the bytes. */
export type SignatureProof =
  | { dialect: 'plain' | 'airtable' }
  | ({ dialect: 'standard' | 'svix' } & MessageProof)

export const defaultToleranceS = 300

/** Throws a TypeError, without the secret, for one that is empty or malformed, and if there is none at all. */
export function createSignatureKeys(secrets: SignatureSecrets): SignatureKeys {
  const { shared = [], plain = [], standard = [], svix = [], airtable = [] } = secrets
  const keys = {
    plain: [...shared, ...plain].map(createTextKey),
    standard: [...shared.flatMap(createSharedStandardKeys), ...standard.map(createStandardKey)],
    svix: svix.map(createStandardKey),
    airtable: airtable.map(createBase64Key),
  }
  if (Object.values(keys).every((list) => list.length === 0))
    throw new TypeError('There is no signing secret.')
  return keys
}

// The dialects that prove more come first: a request that speaks two is judged by the stronger one alone.
const families = [
  ['svix', ['svix-id', 'svix-timestamp', 'svix-signature']],
  ['standard', ['webhook-id', 'webhook-timestamp', 'webhook-signature']],
  ['airtable', ['x-airtable-content-mac']],
  ['plain', ['x-signature']],
] as const satisfies readonly (readonly [Dialect, readonly string[]])[]

/** Throws FL_SIGNATURE_INVALID unless the headers have a signature that one of the keys could have made, of whatever bytes. */
export function verifySignatureHeaders(headers: SignatureHeaders, keys: SignatureKeys): void {
  getDialect(headers, keys)
}

function getDialect(headers: SignatureHeaders, keys: SignatureKeys): Dialect {
  const spoken = families.find(
    ([dialect, names]) => keys[dialect].length > 0 && names.some((name) => headers[name] !== undefined),
  )
  return spoken?.[0] ?? refuse('there is no signature')
}

/**
 * Throws FL_SIGNATURE_INVALID unless the raw bytes are signed by one of the keys. The first dialect that has keys
 * and at least one of its headers decides: its headers must be complete, and no other dialect's can stand in.
 * `now` is in milliseconds since 1970.
 */
export function verifySignature(
  bytes: Uint8Array,
  headers: SignatureHeaders,
  keys: SignatureKeys,
  now: number,
  toleranceS = defaultToleranceS,
): SignatureProof {
  const dialect = getDialect(headers, keys)
  switch (dialect) {
    case 'plain':
      verifyPlain(bytes, headers, keys.plain)
      return { dialect }
    case 'airtable':
      verifyAirtable(bytes, headers, keys.airtable)
      return { dialect }
    case 'standard':
      return {
        dialect,
        ...verifyStandard(bytes, headers, keys.standard, { family: 'webhook', now, toleranceS }),
      }
    case 'svix':
      return { dialect, ...verifyStandard(bytes, headers, keys.svix, { family: 'svix', now, toleranceS }) }
  }
}
