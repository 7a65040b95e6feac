// The floor of a signed event: a bare Fastify route that verifies the HMAC and inserts one row per request.
import { createHmac, timingSafeEqual } from 'node:crypto'
import Fastify from 'fastify'
import postgres from 'postgres'
import { tellReady } from '../child.ts'
import { eventSecret } from '../events.ts'

const sql = postgres(process.env['DATABASE_URL'] ?? '', { max: 10 })
await sql`create table events (id text primary key, payload jsonb not null)`

const app = Fastify()
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, bytes, done) => done(null, bytes))
app.post('/events', async function takeEvent(request, reply) {
  const bytes = request.body as Buffer
  const signature = Buffer.from(String(request.headers['x-signature']), 'hex')
  const expected = createHmac('sha256', eventSecret).update(bytes).digest()
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
    return reply.code(401).send()
  const event = JSON.parse(bytes.toString()) as { eventId: string }
  await sql`insert into events (id, payload) values (${event.eventId}, ${sql.json(event)})`
  return { result: 'processed', eventId: event.eventId }
})
tellReady(await app.listen({ host: '127.0.0.1', port: 0 }))
