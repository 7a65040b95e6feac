import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import type { Dialect, SignatureSecrets } from '../../../../domain/signature.ts'
import type { Random } from './random.ts'

export interface Key {
  /** Bytes for HMAC, a private key for ed25519. */
  signer: Buffer | KeyObject
  /** HMAC keys that somebody may take the configured text, or what is public of it, for. */
  misread: readonly Buffer[]
}

/** One way to write a signed request, and the live keys under which it is written. */
export interface Sender {
  name: string
  dialect: Dialect
  /** The header that carries the signature. */
  header: string
  prefix: string
  encoding: 'hex' | 'base64'
  /** Those who sign an id and a time before the bytes. */
  family?: 'webhook' | 'svix'
  keys: readonly Key[]
}

interface Live extends Key {
  secret: string
}

/** Every sender that the code knows, two live keys each, no key in two dialects. Written without the code's signers. */
export function createSenders(draw: Random): { senders: readonly Sender[]; secrets: SignatureSecrets } {
  const two = (create: (raw: Buffer) => Live, length = 24 + draw.int(41)) =>
    Array.from({ length: 2 }, () => create(draw.bytes(length)))
  const plain = two(createTextKey)
  const airtable = two((raw) => createBase64Key('', raw))
  const standard = two((raw) => createBase64Key('whsec_', raw))
  const svix = two((raw) => createBase64Key('whsec_', raw))
  const curve = two(createCurveKey, 32)
  const svixCurve = two(createCurveKey, 32)

  const plainly = { dialect: 'plain', header: 'x-signature', encoding: 'hex', keys: plain } as const
  const webhook = { dialect: 'standard', header: 'webhook-signature', family: 'webhook' } as const
  const byName = { dialect: 'svix', header: 'svix-signature', family: 'svix' } as const
  const senders: Sender[] = [
    { name: 'X-Signature, bare', prefix: '', ...plainly },
    { name: 'X-Signature, sha256=', prefix: 'sha256=', ...plainly },
    {
      name: 'Airtable MAC',
      dialect: 'airtable',
      header: 'x-airtable-content-mac',
      prefix: 'hmac-sha256=',
      encoding: 'hex',
      keys: airtable,
    },
    { name: 'Standard Webhooks v1', prefix: 'v1,', encoding: 'base64', keys: standard, ...webhook },
    { name: 'Svix v1', prefix: 'v1,', encoding: 'base64', keys: svix, ...byName },
    { name: 'Standard Webhooks v1a', prefix: 'v1a,', encoding: 'base64', keys: curve, ...webhook },
    { name: 'Svix v1a', prefix: 'v1a,', encoding: 'base64', keys: svixCurve, ...byName },
  ]
  const toSecrets = (...lists: Live[][]) => lists.flat().map(({ secret }) => secret)
  const secrets = {
    plain: toSecrets(plain),
    airtable: toSecrets(airtable),
    standard: toSecrets(standard, curve),
    svix: toSecrets(svix, svixCurve),
  }
  return { senders, secrets }
}

export const isCurve = (sender: Sender) => sender.prefix === 'v1a,'

export function toMac(signer: Key['signer'], content: Uint8Array): Buffer {
  return Buffer.isBuffer(signer)
    ? createHmac('sha256', signer).update(content).digest()
    : sign(null, content, signer)
}

export const toSignature = ({ prefix, encoding }: Sender, mac: Buffer) => prefix + mac.toString(encoding)

export function toContent({ family }: Sender, id: string, timestamp: string, bytes: Buffer): Buffer {
  return family ? Buffer.concat([Buffer.from(`${id}.${timestamp}.`), bytes]) : bytes
}

export function toHeaders(
  { family, header }: Sender,
  id: string,
  timestamp: string,
  signature: string,
): Record<string, string> {
  return family
    ? { [`${family}-id`]: id, [`${family}-timestamp`]: timestamp, [header]: signature }
    : { [header]: signature }
}

function createTextKey(raw: Buffer): Live {
  const secret = raw.toString('base64')
  return { secret, signer: Buffer.from(secret), misread: [raw, Buffer.from(secret, 'hex')] }
}

function createBase64Key(prefix: string, raw: Buffer): Live {
  const text = raw.toString('base64')
  const misread = [text, `whsec_${text}`, raw.toString('hex')].map((secret) => Buffer.from(secret))
  return { secret: prefix + text, signer: raw, misread }
}

/** An ed25519 key of 32 given bytes: RFC 8410 surrounds them by a PrivateKeyInfo. */
export function createPrivate(raw: Buffer): KeyObject {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), raw])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

function createCurveKey(seed: Buffer): Live {
  const signer = createPrivate(seed)
  const spki = createPublicKey(signer).export({ format: 'der', type: 'spki' })
  const raw = spki.subarray(-32)
  const secret = `whpk_${raw.toString('base64')}`
  return { secret, signer, misread: [raw, spki, Buffer.from(secret), Buffer.from(secret.slice(5))] }
}
