// The floor of a request with an access token: a bare Fastify route behind @fastify/jwt with its cache on.
import { generateKeyPairSync } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { tellReady } from '../child.ts'
import { people } from '../people.ts'

export interface BareJwt {
  url: string
  tokens: string[]
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})

const app = Fastify()
await app.register(fastifyJwt, {
  secret: { private: privateKey, public: publicKey },
  sign: { algorithm: 'EdDSA', expiresIn: '1h' },
  verify: { algorithms: ['EdDSA'], cache: true },
})
app.get('/me', async function me(request) {
  return { user: await request.jwtVerify() }
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })
tellReady({ url, tokens: people.map(({ email }) => app.jwt.sign({ sub: email })) } satisfies BareJwt)
