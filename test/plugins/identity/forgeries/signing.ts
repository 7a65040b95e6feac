import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'

export type Claims = Record<string, unknown>

export interface Parts {
  header: Claims
  claims: Claims
}

export function toPart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

export function readParts(token: string): Parts {
  const [header, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
  return { header: JSON.parse(header ?? '') as Claims, claims: JSON.parse(claims ?? '') as Claims }
}

export type Signer = (text: Buffer) => Buffer

/** A token as anybody can write one; what is undefined is not in it. */
export function compose({ header, claims }: Parts, signer: Signer): string {
  const text = `${toPart(header)}.${toPart(claims)}`
  return `${text}.${signer(Buffer.from(text)).toString('base64url')}`
}

export const unsigned: Signer = () => Buffer.alloc(0)

export function signWithSecret(secret: string): Signer {
  return (text) => createHmac('sha256', secret).update(text).digest()
}

export function signWithEdDSA(key: KeyObject | string): Signer {
  return (text) => sign(null, text, key)
}

export function toPem(jwk: JsonWebKey): string {
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString()
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }

/** Keys that nobody here has ever heard of, and what they sign by each algorithm. */
export const attacker = {
  RS256: (text) => sign('sha256', text, rsa.privateKey),
  RS512: (text) => sign('sha512', text, rsa.privateKey),
  PS256: (text) => sign('sha256', text, { key: rsa.privateKey, ...pss }),
  ES256: (text) => sign('sha256', text, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
  EdDSA: signWithEdDSA(ed.privateKey),
} satisfies Record<string, Signer>

export type Algorithm = keyof typeof attacker

export function attackersJwk(algorithm: Algorithm): JsonWebKey {
  const { publicKey } = algorithm === 'EdDSA' ? ed : algorithm === 'ES256' ? ec : rsa
  return publicKey.export({ format: 'jwk' })
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const length = content.length < 128 ? Buffer.of(content.length) : Buffer.of(0x82, 0, 0)
  if (length.length === 3) length.writeUInt16BE(content.length, 1)
  return Buffer.concat([Buffer.of(tag), length, content])
}

/** The attacker's RSA key in a certificate that it signed itself, base64 of DER as in x5c (RFC 5280, section 4.1). */
export function attackersCertificate(): string {
  const sequence = (...contents: Buffer[]) => der(0x30, ...contents)
  const sha256WithRsa = sequence(der(6, Buffer.from('2a864886f70d01010b', 'hex')), der(5))
  const commonName = sequence(der(6, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('clerk')))
  const name = sequence(der(0x31, commonName))
  const time = (text: string) => der(0x17, Buffer.from(text))
  const about = sequence(
    der(2, Buffer.of(1)),
    sha256WithRsa,
    name,
    sequence(time('250101000000Z'), time('490101000000Z')),
    name,
    rsa.publicKey.export({ type: 'spki', format: 'der' }),
  )
  return sequence(about, sha256WithRsa, der(3, Buffer.of(0), attacker.RS256(about))).toString('base64')
}
