import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, LogLevel } from 'fastify'
import fp from 'fastify-plugin'
import { isDeeperThan, maxDepth } from '../domain/json.ts'
import { clientNetwork } from '../domain/network.ts'
import type { SignatureHeaders } from '../domain/signature.ts'
import { FirstloginError } from '../errors.ts'
import { type BodyLimits, createBodyBudget, defaultBodyLimits } from './webhook/body-budget.ts'
import { createPace, type Pace } from './webhook/pace.ts'
import { readBody, toContentLength } from './webhook/read-body.ts'

declare module 'fastify' {
  interface FastifyInstance {
    webhook: DefineWebhook
  }
}

export interface WebhookRoute<Proof = unknown> {
  url: string
  /**
   * Throws, or rejects, where the headers alone show that the request is not signed; such as `verifyHeaders` of the
   * signature plugin. Nothing of its body is read then.
   */
  verifyHeaders?: ((headers: SignatureHeaders) => unknown) | undefined
  /** Throws, or rejects, unless the raw bytes are signed; such as the `verify` of the signature plugin. */
  verify(bytes: Buffer, headers: SignatureHeaders): Proof | Promise<Proof>
  /** Sees the parsed body, once its bytes were verified and it has the shape of `schema.body`, and what they proved. */
  handler(request: FastifyRequest, reply: FastifyReply, proof: Proof): Promise<unknown>
  schema?: FastifySchema
  logLevel?: LogLevel
  /** Bytes; a larger body is refused, unread where its length is told. Default 1 MiB. */
  bodyLimit?: number
}

/**
 * Adds a POST route that verifies the raw bytes of its body before anything of it is parsed, in a scope of its own:
 * every other route keeps its parser.
 */
export type DefineWebhook = <Proof>(route: WebhookRoute<Proof>) => void

const largestBody = 1024 * 1024
const tooDeep = new FirstloginError('FL_PAYLOAD_INVALID', {
  detail: `The body is nested deeper than ${maxDepth} levels.`,
})
const utf8 = new TextDecoder('utf-8', { fatal: true })

export interface WebhookOptions {
  /** For bodies of senders who have proved nothing yet, by client network. */
  limits?: Partial<BodyLimits>
  /** How long a refusal waits. By default up to two seconds, for networks that are refused often. */
  pace?: Pace
  /** Milliseconds, of no date. */
  clock?: () => number
}

const defaultPace = {
  perNetwork: { rate: 20, burst: 20 },
  overall: { rate: 100, burst: 100 },
  maxWaitMs: 2_000,
}

export default fp<WebhookOptions>(
  async function webhookPlugin(app, options) {
    const { limits, clock = () => performance.now(), pace = createPace({ ...defaultPace, clock }) } = options
    const budget = createBodyBudget({ ...defaultBodyLimits, ...limits }, clock)

    /** Refusals take their time. */
    async function prove<T>({ ip }: FastifyRequest, act: () => T | Promise<T>): Promise<T> {
      try {
        return await act()
      } catch (error) {
        const waitMs = pace(clientNetwork(ip))
        if (waitMs > 0) await sleep(waitMs, undefined, { ref: false })
        throw error
      }
    }

    app.decorate('webhook', function defineWebhook<Proof>(this: FastifyInstance, route: WebhookRoute<Proof>) {
      const { url, verifyHeaders, verify, handler, schema = {}, bodyLimit = largestBody, logLevel } = route
      void this.register(async function webhookScope(scope) {
        const proofs = new WeakMap<FastifyRequest, { proof: Proof }>()
        // What users of a vendor write into their own metadata must not keep an event from arriving.
        const parseJson = toPromised(scope.getDefaultJsonParser('remove', 'remove'))
        scope.removeAllContentTypeParsers()
        scope.addContentTypeParser('*', (request: FastifyRequest, payload: Readable) =>
          prove(request, () => readProved(request, payload)),
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
          ...(verifyHeaders && {
            onRequest: async function verifyHeads(request, reply) {
              try {
                await prove(request, () => verifyHeaders(request.headers))
              } catch (error) {
                // Nobody reads what may follow.
                if (!request.raw.complete) reply.header('connection', 'close')
                throw error
              }
            },
          }),
          // Before validation: a stranger never learns the shape.
          preValidation: async function parseProved(request) {
            const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
            if (!proofs.has(request))
              proofs.set(request, { proof: await prove(request, () => verify(bytes, request.headers)) })
            request.body = await parse(request, bytes)
          },
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- No request comes here unverified.
          handler: (request, reply) => handler(request, reply, proofs.get(request)?.proof as Proof),
        })

        // Bytes are proved as soon as they are there: until then they count for who sent them.
        async function readProved(request: FastifyRequest, payload: Readable): Promise<Buffer> {
          const length = toContentLength(request.raw)
          if (length > bodyLimit) throw new FirstloginError('FL_BODY_TOO_LARGE')
          const body = budget.begin(clientNetwork(request.ip), length, () =>
            reading.giveUp(new FirstloginError('FL_OVERLOADED', { retryAfterS: 1 })),
          )
          const reading = readBody(payload, bodyLimit, body.add)
          let isProved = false
          try {
            const bytes = await reading.bytes
            proofs.set(request, { proof: await verify(bytes, request.headers) })
            isProved = true
            return bytes
          } finally {
            body.settle(isProved)
          }
        }

        async function parse(request: FastifyRequest, bytes: Buffer): Promise<unknown> {
          try {
            const text = utf8.decode(bytes)
            if (isDeeperThan(maxDepth, text)) throw tooDeep
            return await parseJson(request, text)
          } catch (error) {
            if (error === tooDeep) throw error
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

/** Fastify's own parser, which drops what would reach an object's prototype. */
function toPromised(parser: JsonParser): (request: FastifyRequest, text: string) => Promise<unknown> {
  return (request, text) =>
    new Promise((resolve, reject) => {
      void parser(request, text, (error, body) => (error ? reject(error) : resolve(body)))
    })
}
