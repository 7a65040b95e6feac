// The floor of a request with a session token of Clerk's: a bare Fastify route behind @fastify/jwt with its cache on.
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { tellReady } from '../child.ts'

const answer = await fetch(process.env['KEYS_URL'] ?? '')
const { keys } = (await answer.json()) as { keys: [JsonWebKey] }
const publicKey = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' })

const app = Fastify()
await app.register(fastifyJwt, {
  secret: { public: String(publicKey) },
  verify: { algorithms: ['RS256'], cache: true },
})
app.get('/ids', async function ids(request) {
  const { sub, o: organization } = await request.jwtVerify<{ sub: string; o: { id: string } }>()
  return [sub, organization.id]
})
tellReady(await app.listen({ host: '127.0.0.1', port: 0 }))
