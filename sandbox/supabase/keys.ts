import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { GatewayError, GoTrueError } from './errors.ts'

export interface ProjectKeys {
  /** Signs the legacy keys. */
  jwtSecret: string
  /** `sb_secret_...`: no JWT; the gateway puts one in its place. */
  secretKey: string
}

const adminRoles = ['service_role', 'supabase_admin']
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A legacy key of a project: `service_role` may do everything, `anon` nothing of an administrator's. */
export function signLegacyKey(jwtSecret: string, role: 'service_role' | 'anon'): string {
  const head = encode({ alg: 'HS256', typ: 'JWT' })
  const body = encode({ iss: 'supabase', ref: 'sandbox', role, iat: 1_767_225_600, exp: 2_082_758_400 })
  return `${head}.${body}.${mac(`${head}.${body}`, jwtSecret)}`
}

/** Throws for whoever is not an administrator. Without a gateway GoTrue is asked directly, as in a self-hosted set. */
export function admitAdmin(request: FastifyRequest, keys: ProjectKeys, gateway: boolean, now: number): void {
  const apikey = request.headers['apikey']
  const bearer = /^bearer (\S+$)/i.exec(request.headers.authorization ?? '')?.[1]
  if (gateway) {
    if (typeof apikey !== 'string')
      throw new GatewayError(
        401,
        'No API key found in request',
        'No `apikey` request header or url param was found.',
      )
    const isSecret = apikey === keys.secretKey
    if (!isSecret && !readRole(apikey, keys.jwtSecret, now))
      throw new GatewayError(
        401,
        'Invalid API key',
        'Double check your Supabase `anon` or `service_role` API key.',
      )
    if (isSecret && (bearer === undefined || bearer === apikey)) return
  }
  if (bearer === undefined)
    throw new GoTrueError(401, 'no_authorization', 'This endpoint requires a valid Bearer token')
  const role = readRole(bearer, keys.jwtSecret, now)
  if (!role) throw new GoTrueError(403, 'bad_jwt', 'invalid JWT: unable to parse or verify signature')
  if (!adminRoles.includes(role)) throw new GoTrueError(403, 'not_admin', 'User not allowed')
}

function readRole(token: string, jwtSecret: string, now: number): string | undefined {
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  const given = Buffer.from(signature, 'base64url')
  const right = Buffer.from(mac(`${head}.${body}`, jwtSecret), 'base64url')
  if (more.length > 0 || given.length !== right.length || !timingSafeEqual(given, right)) return undefined
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as { role?: string; exp?: number }
  return claims.exp !== undefined && claims.exp * 1000 <= now ? undefined : claims.role
}

function mac(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url')
}
