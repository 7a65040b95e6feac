import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { request } from 'undici'
import { password } from './people.ts'

const Tokens = Type.Object({ accessToken: Type.String(), refreshToken: Type.String() })
type Tokens = Static<typeof Tokens>

export const json = { 'content-type': 'application/json' }

export function credentials(email: string): string {
  return JSON.stringify({ email, password })
}

/** Signs in at the service; throws unless it succeeds. */
export async function signIn(serviceUrl: string, email: string): Promise<Tokens> {
  const answer = await request(`${serviceUrl}/api/auth/login`, {
    method: 'POST',
    headers: json,
    body: credentials(email),
  })
  const body: unknown = await answer.body.json()
  if (answer.statusCode !== 200) throw new Error(`${email} could not sign in: ${JSON.stringify(body)}`)
  return Value.Parse(Tokens, body)
}

/** Signs in at better-auth and answers its session cookie. */
export async function signInAtPeer(peerUrl: string, email: string): Promise<string> {
  const answer = await request(`${peerUrl}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: json,
    body: credentials(email),
  })
  await answer.body.dump()
  const cookies = [answer.headers['set-cookie'] ?? []].flat()
  if (answer.statusCode !== 200 || cookies.length === 0)
    throw new Error(`${email} could not sign in at the peer.`)
  return cookies.map((cookie) => cookie.split(';', 1)[0]).join('; ')
}
