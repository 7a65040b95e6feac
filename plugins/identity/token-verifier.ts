import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { isSignedToken } from '../../domain/token-form.ts'
import { FirstloginError } from '../../errors.ts'
import type { Claims, VerifiedToken } from '../../upstreams/upstream.ts'

const clockToleranceS = 5
/** A token that says to be of later than now would outrank all news until then. */
const longestLeadS = 60
const longestToken = 16_384

/** Throws FL_TOKEN_INVALID unless the issuer has signed it, for us, and it is valid now. */
export async function verifyToken(
  token: string,
  { issuer, algorithms, audiences }: Claims,
  findKey: JWTVerifyGetKey,
): Promise<VerifiedToken> {
  if (token.length > longestToken) refuse('it is too long')
  if (!isSignedToken(token)) refuse('it is not a signed token')
  const { payload, protectedHeader } = await jwtVerify(token, findKey, {
    issuer,
    algorithms: [...algorithms],
    ...(audiences.length > 0 && { audience: [...audiences] }),
    clockTolerance: clockToleranceS,
    requiredClaims: ['sub', 'iat', 'exp'],
  }).catch((error: unknown) => {
    if (error instanceof errors.JOSEError) throw toRefusal(error)
    // What the library says of a key that is too weak, or of another kind.
    throw error instanceof TypeError
      ? new FirstloginError('FL_TOKEN_INVALID', { cause: 'the key cannot be used' })
      : error
  })
  const { sub, iat, exp, aud } = payload
  if (typeof sub !== 'string' || sub === '' || iat === undefined || exp === undefined)
    refuse('a claim is missing')
  if (!(iat >= 0 && iat <= Date.now() / 1000 + longestLeadS)) refuse('it is of no time that was')
  if (audiences.length === 0 && aud !== undefined) refuse('it is for another audience')
  return { header: { ...protectedHeader }, payload: { ...payload, sub, iat, exp } }
}

function toRefusal(error: errors.JOSEError): FirstloginError {
  // Of a claim that is wrong the library names which, and never its value.
  const claim = error instanceof errors.JWTClaimValidationFailed ? ` ${error.claim}` : ''
  return new FirstloginError('FL_TOKEN_INVALID', { cause: `${error.code}${claim}` })
}

function refuse(cause: string): never {
  throw new FirstloginError('FL_TOKEN_INVALID', { cause })
}
