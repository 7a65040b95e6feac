import { createHmac } from 'node:crypto'
import Fastify from 'fastify'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import signature, { type SignatureOptions } from '../../plugins/signature.ts'

const secret = 'a secret of the sender'
const whsec = `whsec_${Buffer.from(secret).toString('base64')}`

async function blankApp(options: SignatureOptions) {
  const app = Fastify()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  await app.register(signature, options)
  app.post<{ Body: Buffer }>('/in', async (request) => app.signature.verify(request.body, request.headers))
  t.teardown(() => app.close())
  return app
}

const post = (headers: Record<string, string | string[]>, payload = 'any bytes') =>
  ({ method: 'POST', url: '/in', headers: { 'content-type': 'text/x-raw', ...headers }, payload }) as const

t.test('app.signature works alone in a blank Fastify app and tells what was proved', async (t) => {
  const app = await blankApp({ secrets: { shared: [secret] } })

  const hex = createHmac('sha256', secret).update('any bytes').digest('hex')
  const plain = await app.inject(post({ 'X-Signature': hex }))
  t.same([plain.statusCode, plain.json()], [200, { dialect: 'plain' }])

  const now = new Date()
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`,
    'webhook-signature': new Webhook(whsec).sign('msg_1', now, 'any bytes'),
  }
  const standard = await app.inject(post(headers))
  t.match(standard.json(), { dialect: 'standard', messageId: 'msg_1' })
})

t.test('what is not signed is answered with 401 even where no error handler is registered', async (t) => {
  const app = await blankApp({ secrets: { shared: [secret] } })
  for (const headers of [{}, { 'x-signature': 'no' }, { 'x-signature': '00'.repeat(32) }]) {
    const reply = await app.inject(post(headers))
    t.equal(reply.statusCode, 401)
    t.match(reply.json(), { code: 'FL_SIGNATURE_INVALID' })
    t.notMatch(reply.body, 'x-signature', 'and without the reason')
  }
})

t.test('app.signature.sign makes what app.signature.verify accepts', async (t) => {
  const app = await blankApp({ secrets: { plain: [secret, 'older'] } })
  const value = app.signature.sign(Buffer.from('any bytes'))
  t.equal(value, `sha256=${createHmac('sha256', secret).update('any bytes').digest('hex')}`)
  t.equal((await app.inject(post({ 'x-signature': value }))).statusCode, 200)
  t.equal((await app.inject(post({ 'x-signature': value }, 'other bytes'))).statusCode, 401)
})

t.test('the clock and the tolerance are the host’s to set', async (t) => {
  const at = Date.UTC(2026, 10, 20)
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': `${at / 1000}`,
    'webhook-signature': new Webhook(whsec).sign('msg_1', new Date(at), 'any bytes'),
  }
  const statusAfter = async (seconds: number, toleranceS?: number) => {
    const clock = () => at + seconds * 1000
    const tolerance = toleranceS === undefined ? {} : { toleranceS }
    const app = await blankApp({ secrets: { standard: [whsec] }, clock, ...tolerance })
    return (await app.inject(post(headers))).statusCode
  }
  t.equal(await statusAfter(300), 200)
  t.equal(await statusAfter(301), 401)
  t.equal(await statusAfter(10, 10), 200)
  t.equal(await statusAfter(11, 10), 401)
})

t.test('it refuses to start without a usable secret, and to sign without a plain one', async (t) => {
  await t.rejects(blankApp({ secrets: {} }), { message: /no signing secret/ })
  await t.rejects(blankApp({ secrets: { shared: [''] } }), { message: /empty/ })
  const app = await blankApp({ secrets: { svix: [whsec] } })
  t.throws(() => app.signature.sign(Buffer.from('x')), { message: /firstlogin-signature/ })
})

t.test('it is known to other plugins as firstlogin-signature', async (t) => {
  const app = await blankApp({ secrets: { shared: [secret] } })
  t.ok(app.hasPlugin('firstlogin-signature'))
})
