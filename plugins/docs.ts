import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { toCookieName } from '../domain/cookies.ts'
import { addSignatureScheme, markOptionalBodies, toOperation } from './docs/operation.ts'

/**
 * What the page may load: its own files. Its styles are partly written into attributes by its script, and its icons are
 * data. No other page may show it in a frame.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const tags = [
  { name: 'auth', description: 'Log in, and who is logged in' },
  { name: 'sync', description: 'Webhooks of upstreams' },
  { name: 'admin', description: 'For users with the role admin' },
  { name: 'keys', description: 'Public keys' },
  { name: 'operations', description: 'For operators and their tools' },
]

function toSecuritySchemes(baseUrl: string) {
  return {
    bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    accessCookie: { type: 'apiKey', in: 'cookie', name: toCookieName(baseUrl, 'access') },
    refreshCookie: { type: 'apiKey', in: 'cookie', name: toCookieName(baseUrl, 'refresh') },
  } as const
}

export interface DocsOptions {
  baseUrl: string
}

/** The API's documentation at /docs and /openapi.json, made from the routes' schemas. */
export default fp<DocsOptions>(
  async function docsPlugin(app, { baseUrl }) {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'firstlogin',
          version: '0.1.0',
          description:
            'Sign in with what an upstream knows. Errors are problem+json (RFC 9457); switch on `code`.',
        },
        servers: [{ url: baseUrl }],
        tags,
        components: { securitySchemes: toSecuritySchemes(baseUrl) },
      },
      transform({ schema, url, route, ...document }) {
        if ('openapiObject' in document)
          addSignatureScheme(document.openapiObject.components?.securitySchemes ?? {}, schema)
        return { schema: toOperation(schema, route), url }
      },
      transformObject(document) {
        const api = 'openapiObject' in document ? document.openapiObject : document.swaggerObject
        markOptionalBodies(api.paths)
        return api
      },
    })
    await app.register(async function docsPages(scope) {
      scope.addHook('onSend', async function protectPages(_request, reply) {
        reply.headers({
          'content-security-policy': contentSecurityPolicy,
          'x-frame-options': 'DENY',
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
        })
      })
      await scope.register(swaggerUi, { routePrefix: '/docs' })
    })
    app.get('/openapi.json', { schema: { hide: true } }, async function openapi() {
      return app.swagger()
    })
  },
  { name: 'firstlogin-docs', fastify: '5.x' },
)
