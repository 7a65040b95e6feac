import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'

export interface HomeRoutesOptions {
  metrics: boolean
  docs: boolean
}

interface Link {
  name: string
  path: string
  about: string
}

const Home = Type.Object({
  name: Type.Literal('firstlogin'),
  links: Type.Record(Type.String(), Type.String()),
})

const Answer = {
  description: 'Links',
  content: { 'application/json': { schema: Home }, 'text/html': { schema: Type.String() } },
}

const style = `
:root { color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif }
body { max-width: 36rem; margin: 3rem auto; padding: 0 1rem }
li { margin: .5rem 0 }`

const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Where everything is: a page of links for browsers, JSON for scripts. */
export const homeRoutes: FastifyPluginAsyncTypebox<HomeRoutesOptions> = async function homeRoutes(
  app,
  { metrics, docs },
) {
  const links: Link[] = [
    ...(docs
      ? [
          { name: 'docs', path: '/docs', about: 'The documentation of the API' },
          { name: 'openapi', path: '/openapi.json', about: 'The same as OpenAPI' },
        ]
      : []),
    { name: 'keys', path: '/.well-known/jwks.json', about: 'The public keys of the access tokens' },
    { name: 'alive', path: '/healthz', about: 'Whether the service is alive' },
    { name: 'ready', path: '/readyz', about: 'Whether it is ready for traffic' },
    ...(metrics ? [{ name: 'metrics', path: '/metrics', about: 'Figures for Prometheus' }] : []),
  ]
  const page = toPage(links)
  const json = {
    name: 'firstlogin' as const,
    links: Object.fromEntries(links.map(({ name, path }) => [name, path])),
  }

  app.get(
    '/',
    {
      logLevel: 'warn',
      schema: {
        operationId: 'home',
        tags: ['operations'],
        summary: 'Where everything is: HTML for browsers, JSON for scripts',
        response: { 200: Answer },
      },
    },
    async function home(request, reply) {
      reply.header('vary', 'Accept')
      if (!prefersHtml(request)) return json
      return reply
        .type('text/html; charset=utf-8')
        .headers({ 'content-security-policy': contentSecurityPolicy, 'x-content-type-options': 'nosniff' })
        .serializer((html: unknown) => String(html))
        .send(page)
    },
  )
}

/** Browsers name HTML; scripts name JSON, or whatever there is. */
function prefersHtml({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') ?? false
}

function toPage(links: Link[]): string {
  const items = links.map(({ path, about }) => `<li><a href="${path}">${about}</a></li>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>firstlogin</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>firstlogin</h1>
<p>The service is running. Users sign in with <code>POST /api/auth/login</code>.</p>
<ul>
${items.join('\n')}
</ul>
</main>
</body>
</html>
`
}
