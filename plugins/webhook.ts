import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, LogLevel } from 'fastify'
import fp from 'fastify-plugin'
import type { SignatureHeaders } from '../domain/signature.ts'
import { FirstloginError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    webhook: DefineWebhook
  }
}

export interface WebhookRoute<Proof = unknown> {
  url: string
  /** Throws, or rejects, unless the raw bytes are signed; such as the `verify` of the signature plugin. */
  verify(bytes: Buffer, headers: SignatureHeaders): Proof | Promise<Proof>
  /** Sees the parsed body, once its bytes were verified and it has the shape of `schema.body`, and what they proved. */
  handler(request: FastifyRequest, reply: FastifyReply, proof: Proof): Promise<unknown>
  schema?: FastifySchema
  logLevel?: LogLevel
  /** Bytes; a larger body is refused unread. Default 1 MiB. */
  bodyLimit?: number
}

/**
 * Adds a POST route that verifies the raw bytes of its body before anything of it is parsed, in a scope of its own:
 * every other route keeps its parser.
 */
export type DefineWebhook = <Proof>(route: WebhookRoute<Proof>) => void

const largestBody = 1024 * 1024
const utf8 = new TextDecoder('utf-8', { fatal: true })

export default fp(
  async function webhookPlugin(app) {
    app.decorate('webhook', function defineWebhook<Proof>(this: FastifyInstance, route: WebhookRoute<Proof>) {
      const { url, verify, handler, schema = {}, bodyLimit = largestBody, logLevel } = route
      void this.register(async function webhookScope(scope) {
        const proofs = new WeakMap<FastifyRequest, Proof>()
        const parseJson = toPromised(scope.getDefaultJsonParser('error', 'error'))
        scope.removeAllContentTypeParsers()
        scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, bytes, done) =>
          done(null, bytes),
        )
        scope.setSchemaErrorFormatter(([first]) => {
          const place = first?.instancePath.slice(1).replaceAll('/', '.')
          const detail = [place, first?.message].filter(Boolean).join(' ')
          return new FirstloginError('FL_PAYLOAD_INVALID', { detail })
        })
        scope.route({
          method: 'POST',
          url,
          bodyLimit,
          schema,
          ...(logLevel && { logLevel }),
          // Before validation: a stranger never learns the shape.
          preValidation: async function verifyBody(request) {
            const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
            proofs.set(request, await verify(bytes, request.headers))
            request.body = await parse(request, bytes)
          },
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- No request comes here unverified.
          handler: (request, reply) => handler(request, reply, proofs.get(request) as Proof),
        })

        async function parse(request: FastifyRequest, bytes: Buffer): Promise<unknown> {
          try {
            return await parseJson(request, utf8.decode(bytes))
          } catch {
            // The parser's message repeats what was sent.
            throw new FirstloginError('FL_PAYLOAD_INVALID', { detail: 'The body is not JSON.' })
          }
        }
      })
    })
  },
  { name: 'firstlogin-webhook', fastify: '5.x' },
)

type JsonParser = ReturnType<FastifyInstance['getDefaultJsonParser']>

/** Fastify's own parser, which refuses what would reach an object's prototype. */
function toPromised(parser: JsonParser): (request: FastifyRequest, text: string) => Promise<unknown> {
  return (request, text) =>
    new Promise((resolve, reject) => {
      void parser(request, text, (error, body) => (error ? reject(error) : resolve(body)))
    })
}
