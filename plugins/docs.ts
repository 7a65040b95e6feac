import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'

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
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      },
    })
    await app.register(swaggerUi, { routePrefix: '/docs' })
    app.get('/openapi.json', { schema: { hide: true } }, async function openapi() {
      return app.swagger()
    })
  },
  { name: 'firstlogin-docs', fastify: '5.x' },
)
