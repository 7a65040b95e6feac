import { createHash, timingSafeEqual } from 'node:crypto'
import { getHeader, type SignatureHeaders } from '../../domain/signature/headers.ts'
import { refuse } from '../../domain/signature/refuse.ts'

const digest = (secret: string) => createHash('sha256').update(secret).digest()

/** Throws FL_SIGNATURE_INVALID unless the request says one of the secrets, as `authorization: Bearer <secret>`. */
export function createBearerCheck(secrets: readonly string[]): (headers: SignatureHeaders) => void {
  const digests = secrets.map(digest)
  return function verifyBearer(headers) {
    const said = /^bearer +(\S+)$/i.exec(getHeader(headers, 'authorization'))?.[1]
    if (said === undefined) refuse('authorization is not a bearer secret')
    const given = digest(said)
    // All are compared, so that the time says nothing of which one it was.
    const matches = digests.filter((known) => timingSafeEqual(known, given))
    if (matches.length === 0) refuse('authorization matches no secret')
  }
}
