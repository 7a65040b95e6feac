import { type Static, type TObject, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { type Change, toMembershipName, type UserUpserted } from '../../../domain/change.ts'
import { toCanonicalEmail } from '../../../domain/email.ts'
import { createSignatureKeys, verifySignature } from '../../../domain/signature.ts'
import { FirstloginError } from '../../../errors.ts'
import { createCalls } from '../../../upstreams/calls.ts'
import { toText } from '../../../upstreams/text.ts'
import type { Question, UpstreamDefinition } from '../../../upstreams/upstream.ts'
import type { Defect } from './bad.ts'

const Person = Type.Object({
  id: Type.String({ pattern: '^p\\d{1,9}$' }),
  email: Type.String(),
  name: Type.String(),
  verified: Type.Boolean(),
  changedAt: Type.Integer({ minimum: 0, maximum: 253_402_300_799_999 }),
})
type Person = Static<typeof Person>
const page = Compile(Type.Object({ people: Type.Array(Person) }))
const event = Compile(Type.Object({ id: Type.String({ pattern: '^e\\d{1,9}$' }), person: Person }))
const deadlineMs = 10_000
/** A small adapter, as good as any: but for the defect. */
export function createDefinition(
  { apiKey, secret }: { apiKey: string; secret: string },
  defect?: Defect,
): UpstreamDefinition<TObject> {
  const has = (one: Defect) => one === defect
  const name = has('calls itself in camel case') ? 'badOne' : 'bad'
  return {
    name,
    env: Type.Object({
      BAD_KEY: has('takes anything for a setting') ? Type.Any() : Type.String({ description: 'the key' }),
    }),
    limitsOf: () => ({ calls: 5, windowMs: 1000, pauseMs: 1000 }),
    gateOf: () => (has('names its gate by the key') ? apiKey.replaceAll(' ', '') : 'bad'),
    create(_env, context) {
      const { clock, gate, log } = context
      const query = has('puts the key into the address') ? `key=${encodeURIComponent(apiKey)}&` : ''
      const api = {
        name,
        root: 'https://bad.example',
        headers: () => ({ authorization: `Bearer ${apiKey}` }),
        judge: ({ status }: { status: number }) => ({
          reason: `${status}`,
          ...(status === 429 && !has('ignores a 429') && { penaltyMs: 5000 }),
        }),
      }
      const deaf = { ...gate, report: async () => {} }
      const { send, call } = createCalls(
        api,
        has('leaves out the gate') ? { ...context, gate: deaf } : context,
      )
      const get = (path: string) => ({
        method: 'GET' as const,
        path: `/people?${query}${path}`,
        answer: page,
      })
      if (has('calls somebody when it is made')) void call(get('')).catch(() => {})

      function toChange(person: Person, readAt?: number, created = false): UserUpserted {
        const told = readAt ?? person.changedAt
        const isDated = has('dates people in the future')
        return {
          type: 'user.upserted',
          upstream: name,
          externalId: person.id,
          created: created || has('creates whoever it finds'),
          ...(!person.verified && !has('vouches for everybody') && { isUnverified: true }),
          fields: {
            email: toText(person.email, Number.POSITIVE_INFINITY) ?? '',
            emailVerified: person.verified,
            name: has('keeps every text as it is') ? person.name : toText(person.name) || null,
          },
          ...(readAt !== undefined && { readAt }),
          stamp: {
            at: isDated ? person.changedAt : Math.min(person.changedAt, told),
            event: readAt === undefined ? 'event' : `read ${new Date(readAt).toISOString()}`,
          },
        }
      }

      async function find({ emails, externalIds }: Question, turn: Parameters<typeof send>[1]) {
        const readAt = clock()
        const asked = new URLSearchParams({ emails: emails.join(), ids: externalIds.join() })
        const deadline = has('waits for ever') ? Number.POSITIVE_INFINITY : readAt + deadlineMs
        const { people: told } = await send(get(`${asked}`), turn, deadline)
        if (has('logs addresses')) log('info', 'found', { emails })
        const found = told.filter(({ id, email }) => {
          const own = has('compares addresses as they are written') ? email : toCanonicalEmail(email)
          return has('believes the filter') || externalIds.includes(id) || emails.some((one) => one === own)
        })
        const changes = found.map((person) => toChange(person, readAt))
        return has('finds everybody twice') ? [...changes, ...changes] : changes
      }

      return {
        lookup: {
          batchSize: 10,
          async find(take) {
            const pass = { waitMs: 0, startAt: 0, isTroubled: true, isProbe: false }
            const early = has('takes questions too early') ? await take(pass) : undefined
            const turn = await gate.enter(deadlineMs)
            const question = early ?? (await take(turn))
            const answer = question ? find(question, turn) : []
            return has('finds nobody when upstream is ill') ? Promise.resolve(answer).catch(() => []) : answer
          },
        },
        directory: {
          kinds: ['user'],
          async readPage(from = '0') {
            if (!/^\d$/.test(from)) return 'expired'
            const readAt = clock()
            const asked = call(get(`page=${from}`), deadlineMs)
            const isQuiet = has('ends its listing when upstream is ill')
            const { people: told } = isQuiet ? await asked.catch(() => ({ people: [] })) : await asked
            const isEndless = has('lists one page for ever')
            const next = isEndless ? '0' : told.length > 0 ? `${Number(from) + 1}` : undefined
            return { changes: told.map((one) => toChange(one, readAt)), size: told.length, next }
          },
          async findExisting(_kind, ids) {
            if (ids.length === 0) return []
            const { people: told } = await call(
              get(`${new URLSearchParams({ emails: '', ids: ids.join() })}`),
            )
            return ids.filter(
              (id) => has('takes everybody for existing') || told.some((one) => one.id === id),
            )
          },
        },
        webhook: {
          path: '/bad',
          summary: 'What happened',
          body: Type.Object({ id: Type.String() }),
          verify(bytes, headers) {
            if (has('believes every sender')) return { dialect: 'plain' }
            const signed = has('trims what it verifies') ? Buffer.from(`${bytes}`.trim()) : bytes
            return verifySignature(signed, headers, createSignatureKeys({ plain: [secret] }), clock())
          },
          read(body, { dialect }) {
            const isLost = has('forgets what it has kept') && dialect === 'kept'
            if (!has('chokes on odd events') && (!event.Check(body) || isLost))
              throw new FirstloginError('FL_PAYLOAD_INVALID')
            const { id, person } = body as { id: string; person: Person }
            const changes = [toChange(person, undefined, true)]
            const { email, name: called, ...rest } = person
            const kept = { id, person: { ...rest, email: toText(email, 300), name: toText(called) } }
            return {
              id: has('gives an event a new id every time') ? `${id}${performance.now()}` : id,
              type: 'created',
              occurredAt: person.changedAt,
              changes,
              payload: has('keeps the whole event') ? (body as object) : kept,
            }
          },
        },
        claims: {
          issuer: 'https://bad.example',
          keysUrl: 'https://bad.example/keys',
          algorithms: [has('signs with a shared key') ? 'HS256' : 'RS256'],
          audiences: [],
          read({ payload }) {
            const { sub, iat, act } = payload
            const isPerson = /^p\d{1,9}$/.test(sub) || has('takes machines for people')
            if (!isPerson) throw new FirstloginError('FL_TOKEN_INVALID')
            const now = has('dates tokens by the clock') ? clock() : Math.floor(iat * 1000)
            const about = { upstream: name, stamp: { at: now, event: 'token' }, fields: {}, created: false }
            const changes: Change[] = [
              { type: 'user.upserted', externalId: sub, ...about },
              { type: 'organization.upserted', externalId: 'o1', ...about },
              { type: 'membership.upserted', ...about, ...toMembershipName(name, 'o1', sub) },
            ]
            const isImpersonated = act !== undefined && !has('does not see who acts')
            return { user: sub, organization: 'o1', changes, isImpersonated }
          },
        },
      }
    },
  }
}
