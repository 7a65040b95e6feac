import { createTextKey } from '../../../domain/signature/keys.ts'
import { signPlain } from '../../../domain/signature/plain.ts'
import type { Subject } from '../../../upstreams/kit/index.ts'
import type { VerifiedToken } from '../../../upstreams/upstream.ts'
import { createDefinition } from './bad-adapter.ts'

const outage = 'half a body is FL_UPSTREAM_UNAVAILABLE, and the gate hears of it'

/** What an author may get wrong, and the check that says so. */
export const defects = {
  'calls itself in camel case': 'definition: its name is a word in small letters, as a folder can have it',
  'takes anything for a setting': 'definition: no setting takes whatever it is given',
  'names its gate by the key':
    'definition: what shares one budget of calls has a short name, the same every time, without a secret',
  'calls somebody when it is made': 'definition: being made it calls nobody, takes no turn and says nothing',
  'finds nobody when upstream is ill': `lookup: ${outage}`,
  'ends its listing when upstream is ill': `directory: ${outage}`,
  'ignores a 429': 'lookup: a 429 closes the gate for a while, and not for more than a day',
  'leaves out the gate': `lookup: ${outage}`,
  'believes the filter': 'lookup: it answers with nobody who was not asked for, whatever the upstream says',
  'compares addresses as they are written':
    'lookup: it finds somebody whose address upstream has in capitals',
  'takes questions too early': 'lookup: it takes its question once, when its turn has come',
  'finds everybody twice': 'lookup: it answers as many questions at once as it says, and names nobody twice',
  'logs addresses':
    'lookup: no secret and no address of anybody is in its errors and its log, even if the upstream repeats them',
  'puts the key into the address': 'lookup: all calls go to one place, and none has a secret in its address',
  'waits for ever': 'lookup: every call has a deadline, and where somebody waits all of them have one',
  'keeps every text as it is':
    'lookup: a text that no database can keep is made one, and one without end is cut',
  'dates people in the future': 'lookup: nothing that it reads is from after the moment of reading',
  'creates whoever it finds':
    'directory: what it lists is well-formed, was read now, and brings nobody back to life',
  'vouches for everybody':
    'lookup: what it finds is well-formed, was read now, and brings nobody back to life',
  'lists one page for ever': 'directory: it lists everybody, page by page, and comes to an end',
  'takes everybody for existing':
    'directory: it tells of each id whether it exists, whatever is asked for beside it',
  'believes every sender': 'webhook: what is signed by somebody else, or too old, is refused',
  'trims what it verifies':
    'webhook: a flipped bit anywhere in the body is refused, as is a byte more or less',
  'keeps the whole event':
    'webhook: of an event no secret and no hash is kept, and nobody’s address is logged',
  'forgets what it has kept': 'webhook: what is kept of an event gives the same event, an hour later as well',
  'gives an event a new id every time':
    'webhook: an event that is delivered twice has one id, and two events have two',
  'chokes on odd events': 'webhook: a body that is no event is refused or of no interest, and nothing breaks',
  'signs with a shared key': 'claims: its tokens are signed by a key that only the issuer has',
  'takes machines for people':
    'claims: what is no sign-in of a person is refused, and nobody’s address is in the reason',
  'does not see who acts': 'claims: whoever acts in the name of somebody else is seen to, by `act`',
  'dates tokens by the clock':
    'claims: all that a token says is about its user and their organization, as of its `iat`',
} as const
export type Defect = keyof typeof defects

const apiKey = 'the key of the API'
const secret = 'the secret of the events'
const at = Date.parse('2026-11-01T00:00:00.000Z')
const ada = { id: 'p1', email: 'Ada@example.com', name: 'Ada Lovelace', verified: true, changedAt: at }
const people = [ada, { ...ada, id: 'p2', email: 'alan@example.com', name: 'Alan Turing', verified: false }]

/** The upstream itself, which is always well: it lists two pages of one, and finds in any case. */
function answer(url: string): object {
  const { searchParams } = new URL(url)
  const [place, emails, ids] = ['page', 'emails', 'ids'].map((key) => searchParams.get(key))
  if (typeof place === 'string') return people.slice(Number(place), Number(place) + 1)
  const asked = `${emails},${ids}`.split(',')
  return people.filter(({ id, email }) => asked.includes(id) || asked.includes(email.toLowerCase()))
}

const sign = (body: string, by = secret) => ({
  body,
  headers: { 'x-signature': signPlain(Buffer.from(body), createTextKey(by)) },
})
const body = JSON.stringify({ id: 'e1', person: ada, passwordHash: '$2b$10$notToBeKept', secret })

export function createBad(defect?: Defect): Subject {
  const token = (sub: string): VerifiedToken => ({ header: {}, payload: { sub, iat: at / 1000, exp: at } })
  return {
    definition: createDefinition({ apiKey, secret }, defect),
    settings: { BAD_KEY: apiKey },
    http: async ({ url }) => ({ status: 200, headers: {}, body: JSON.stringify({ people: answer(url) }) }),
    secrets: [apiKey, apiKey.replaceAll(' ', ''), secret],
    people: people.map(({ id, email, name }) => ({ id, email, word: name })),
    stranger: { id: 'p3', email: 'nobody@example.com' },
    webhook: {
      samples: [{ name: 'created', tells: ['user.upserted p1'], ...sign(body) }],
      forged: [{ name: 'by another secret', ...sign(body, 'another') }],
      proof: ['x-signature'],
    },
    tokens: {
      accepted: [{ name: 'of Ada', token: token('p1'), user: 'p1', organization: 'o1' }],
      refused: [{ name: 'of a machine', token: token('m1') }],
    },
  }
}
