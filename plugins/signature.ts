import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { signPlain } from '../domain/signature/plain.ts'
import {
  createSignatureKeys,
  defaultToleranceS,
  type SignatureHeaders,
  type SignatureProof,
  type SignatureSecrets,
  verifySignature,
  verifySignatureHeaders,
} from '../domain/signature.ts'

export interface SignatureOptions {
  /** At least one; the first of `shared`, else of `plain`, is the one that signs. */
  secrets: SignatureSecrets
  /** How far a message's time may lie from ours, either way. 300 seconds unless told. */
  toleranceS?: number
  /** Milliseconds since 1970. */
  clock?: () => number
}

export interface Signature {
  /** Throws FL_SIGNATURE_INVALID (401) unless the raw bytes of the body are signed. */
  verify(bytes: Buffer, headers: SignatureHeaders): SignatureProof
  /** Throws FL_SIGNATURE_INVALID for headers without a signature, so that the body need not be read. */
  verifyHeaders(headers: SignatureHeaders): void
  /** The value of `x-signature` for these bytes. */
  sign(bytes: Buffer): string
}

declare module 'fastify' {
  interface FastifyInstance {
    signature: Signature
  }
}

async function signature(app: FastifyInstance, options: SignatureOptions): Promise<void> {
  const { secrets, toleranceS = defaultToleranceS, clock = Date.now }: Partial<SignatureOptions> = options
  if (!secrets) throw new Error('firstlogin-signature: the option secrets is missing')
  const keys = createSignatureKeys(secrets)

  app.decorate('signature', {
    verify: (bytes, headers) => verifySignature(bytes, headers, keys, clock(), toleranceS),
    verifyHeaders: (headers) => verifySignatureHeaders(headers, keys),
    sign(bytes) {
      const [key] = keys.plain
      if (!key) throw new Error('firstlogin-signature: signing needs a secret in `shared` or `plain`')
      return signPlain(bytes, key)
    },
  })
}

export default fp(signature, { name: 'firstlogin-signature', fastify: '5.x' })
