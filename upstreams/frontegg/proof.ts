import { createHash, type KeyObject } from 'node:crypto'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { getHeader, type SignatureHeaders } from '../../domain/signature/headers.ts'
import { hmac, isAnyEqual } from '../../domain/signature/mac.ts'
import { refuse } from '../../domain/signature/refuse.ts'
import { readAnswer } from '../answers.ts'

const header = 'x-webhook-secret'
const longest = 4096
/** How far `iat` may be from our clock, either way. */
const toleranceS = 300

const jose = Compile(Type.Object({ alg: Type.Literal('HS256'), crit: Type.Optional(Type.Undefined()) }))
const times = Compile(
  Type.Object({
    exp: Type.Optional(Type.Number()),
    nbf: Type.Optional(Type.Number()),
    iat: Type.Number(),
  }),
)

/**
 * Throws FL_SIGNATURE_INVALID unless the header holds a JWT that one of the keys signed by HS256, that was issued within
 * the last five minutes and has not ended: one that was captured is of no use for long. It proves that the sender knows the secret, and nothing about the body that it came with.
 * Returns a name for the JWT. `now` is in milliseconds since 1970.
 */
export function verifyProof(headers: SignatureHeaders, keys: readonly KeyObject[], now: number): string {
  const token = getHeader(headers, header)
  if (token.length > longest) refuse(`${header} is too long`)
  const [head = '', claims = '', signature = '', ...rest] = token.split('.')
  if (rest.length > 0 || signature === '') refuse(`${header} is not a JWT`)
  if (!jose.Check(toObject(head))) refuse(`${header} is not signed by HS256`)

  const expected = keys.map((key) => hmac(key, `${head}.${claims}`))
  const claimed = Buffer.from(signature, 'base64url')
  if (claimed.toString('base64url') !== signature || !isAnyEqual([claimed], expected))
    refuse(`${header} matches no secret`)

  const told = toObject(claims)
  if (!times.Check(told)) refuse(`${header} has no readable times`)
  const nowS = now / 1000
  if (told.exp !== undefined && !(nowS < told.exp)) refuse(`${header} has ended`)
  if (told.nbf !== undefined && !(told.nbf <= nowS + toleranceS)) refuse(`${header} is from the future`)
  // Written so that a broken clock (NaN) refuses.
  if (!(Math.abs(nowS - told.iat) <= toleranceS)) refuse(`${header} is not recent`)
  return createHash('sha256').update(token).digest('base64url')
}

function toObject(part: string): unknown {
  return readAnswer(anything, Buffer.from(part, 'base64url').toString('utf8'))
}

const anything = Compile(Type.Object({}))
