// What a TypeScript program of somebody else's may rely on. Compiled against the installed package, never run.
import Fastify from 'fastify'
import firstlogin from 'firstlogin'
import { type Config, ConfigError, loadConfig } from 'firstlogin/config'
import airtable, { type AirtableOptions } from 'firstlogin/plugins/airtable'
import db from 'firstlogin/plugins/db'
import signature from 'firstlogin/plugins/signature'
import { type LoginReply, LoginRequest } from 'firstlogin/schemas/auth'
import { type User, User as UserSchema } from 'firstlogin/schemas/user'
import airtableUpstream from 'firstlogin/upstreams/airtable'
import { type Subject, upstreamChecks } from 'firstlogin/upstreams/kit'
import { defineUpstream, type UpstreamContext } from 'firstlogin/upstreams/upstream'
import postgres from 'postgres'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const app = Fastify()
const config: Config = loadConfig({ DATABASE_URL: 'postgres://127.0.0.1/people' })
await app.register(firstlogin, { ...config, prefix: '/id' })

await app.register(db, { database: postgres('postgres://127.0.0.1/people'), migrate: false })
const rows = await app.sql<{ email: string }[]>`select email from firstlogin.users`
export const emails: string[] = rows.map(({ email }) => email)

const options: AirtableOptions = { token: 'pat', baseId: 'appXXXXXXXXXXXXXX', table: 'Users' }
await app.register(airtable, options)
export const names: unknown[] = (await app.airtable.findByEmail('ada@example.com')).map(
  ({ fields }) => fields['Name'],
)

await app.register(signature, { secrets: { shared: ['word'] } })
export const header: string = app.signature.sign(Buffer.from('body'))

// @ts-expect-error: the table is missing
await app.register(airtable, { token: 'pat', baseId: 'appXXXXXXXXXXXXXX' })
// @ts-expect-error: no such decorator
app.airtable.deleteEverything()

export const isLogin = (body: unknown): body is LoginRequest => Value.Check(LoginRequest, body)
export const emailOf = (reply: LoginReply): User['email'] => Value.Parse(UserSchema, reply.user).email
export const problemsOf = (error: unknown) => (error instanceof ConfigError ? error.problems : [])

export const namesOfChecks = (subject: Subject) => upstreamChecks(subject).map(({ name }) => name)
export const gateOfAirtable = airtableUpstream.gateOf

export const own = defineUpstream({
  name: 'own',
  env: Type.Object({ OWN_TOKEN: Type.String() }),
  limitsOf: () => ({ calls: 4, windowMs: 1000, pauseMs: 1000 }),
  gateOf: ({ OWN_TOKEN }) => OWN_TOKEN,
  create: (_env, { clock }: UpstreamContext) => ({
    lookup: { batchSize: 1, find: async () => (clock() > 0 ? [] : []) },
  }),
})
