import fp from 'fastify-plugin'

/** An empty body is no body, whatever its content type: clients name one for every POST. */
export default fp(
  async function emptyBodiesPlugin(app) {
    app.addHook('onRequest', async function dropContentType({ raw: { headers } }) {
      const isEmpty = headers['content-length'] === '0' && headers['transfer-encoding'] === undefined
      if (isEmpty) delete headers['content-type']
    })
    const parseJson = app.getDefaultJsonParser('error', 'error')
    app.removeContentTypeParser('application/json')
    app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
      // Of one that comes in chunks the length is known only now.
      if (body === '') done(null)
      else void parseJson(request, body, done)
    })
  },
  { name: 'firstlogin-empty-bodies', fastify: '5.x' },
)
