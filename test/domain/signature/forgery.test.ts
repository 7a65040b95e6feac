import { createHmac } from 'node:crypto'
import { inspect, isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { createSignatureKeys, verifySignature } from '../../../domain/signature.ts'
import { FirstloginError } from '../../../errors.ts'
import { byBytes } from './forgery/bytes.ts'
import { byHead } from './forgery/heads.ts'
import { byImpostor } from './forgery/impostors.ts'
import { createMessage, createValue, type Forgery, type Message, toSpellings } from './forgery/messages.ts'
import { createRandom } from './forgery/random.ts'
import { createSenders, isCurve, type Sender } from './forgery/senders.ts'
import { bySignature } from './forgery/signatures.ts'
import { invalid } from './vectors.ts'

const seed = Number(process.env['FORGERY_SEED'] ?? 20_261_120)
const enough = 100_000

const draw = createRandom(seed)
const { senders, secrets } = createSenders(draw)
const keys = createSignatureKeys(secrets)
const mutations = Object.entries({ ...byBytes, ...bySignature, ...byImpostor(senders), ...byHead })

// No mutation writes what the rules call another spelling of the same: X-Signature with or without sha256=, a list
// with the right signature beside well-formed others (joined by ` ` or `, `), headers of a dialect that proves less.
t.test(`of ${enough} mutants of honest requests none is accepted, in any dialect`, async (t) => {
  const counts = new Map<string, number>()
  const accepted: unknown[] = []
  const dull: unknown[] = []
  let total = 0
  for (let round = 0; total < enough; round++) {
    const now = Date.UTC(2026, 10, 20) + draw.int(1e9)
    for (const sender of senders) {
      // A curve is a hundred times as dear as a hash.
      if (isCurve(sender) && round % 8 > 0) continue
      const message = createHonest(sender, now, 2 * round)
      const other = createHonest(sender, now, 2 * round + 1)
      for (const [kind, mutate] of mutations) {
        const forgery = mutate(message, draw, other)
        if (!forgery) continue
        total += 1
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
        if (isSame(message, forgery)) dull.push({ kind, sender: sender.name, round })
        const outcome = judge(forgery)
        if (outcome === 'refused') continue
        accepted.push({ seed, round, sender: sender.name, kind, outcome, forgery: toText(forgery) })
      }
    }
  }
  t.same(accepted.slice(0, 5), [], `none accepted (seed ${seed})`)
  t.same(dull.slice(0, 5), [], 'every mutant differs from what it was made of')
  const rare = mutations.filter(([kind]) => (counts.get(kind) ?? 0) < 100).map(([kind]) => kind)
  t.same(rare, [], 'every kind had its turn')
  for (const [kind, count] of counts) t.comment(`${count} ${kind}`)
})

t.test('the ways of writing JSON differ from one another and mean the same', async (t) => {
  const value = createValue(draw, 7)
  const spellings = toSpellings(value)
  t.equal(new Set(spellings).size, spellings.length)
  for (const spelling of spellings) t.same(JSON.parse(spelling), value, spelling)
})

// The signed bytes of a Standard message are its id, its time and its body: whoever has seen one can send all three
// as the body of a plain request under a shared secret, and the other way about.
t.test('under one shared secret, a request re-cut for the other dialect is not JSON in both', async (t) => {
  const secret = 'a secret of the sender'
  const shared = createSignatureKeys({ shared: [secret] })
  const timestamp = '1792454400'
  const ids = ['msg_1', '"', '["', '{"a":"', '{"', '"\\', '\\"', '[', '{"a":', '-', '1']
  const jsons = [
    '{}',
    '1',
    '""',
    '","',
    '{"a":"b"}',
    '"\\""',
    '[",","]',
    '{"":"x"}',
    '"\\\\"',
    '"',
    '"]',
    '"}',
  ]
  const now = Number(timestamp) * 1000
  for (const id of ids) {
    for (const json of jsons) {
      const content = Buffer.from(`${id}.${timestamp}.${json}`)
      const bytes = Buffer.from(json)
      const mac = createHmac('sha256', secret).update(content).digest()
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${mac.toString('base64')}`,
      }
      verifySignature(bytes, headers, shared, now)
      const recut = { bytes: content, headers: { 'x-signature': mac.toString('hex') }, now }
      if (judge(recut, shared) !== 'refused' && isJson(bytes) && isJson(content)) t.fail(`${content}`)
    }
  }
})

/** Honest, and seen to be accepted: else no refusal of what is made of it would mean anything. */
function createHonest(sender: Sender, now: number, count: number): Message {
  const message = createMessage(sender, draw, now, count)
  const { dialect, family } = sender
  const head = family ? { messageId: message.id, sentAt: Number(message.timestamp) * 1000 } : {}
  const proof = verifySignature(message.bytes, message.headers, keys, now)
  if (!isDeepStrictEqual(proof, { dialect, ...head }))
    throw new Error(`${sender.name} proved ${inspect(proof)}`)
  return message
}

function judge({ bytes, headers, now }: Forgery, live = keys): unknown {
  try {
    return verifySignature(bytes, headers, live, now)
  } catch (error) {
    return error instanceof FirstloginError && error.code === invalid.code ? 'refused' : error
  }
}

function isSame(message: Message, { bytes, headers, now }: Forgery): boolean {
  const names = Object.keys(message.headers)
  const isUntouched = names.every((name) => headers[name] === message.headers[name])
  return (
    isUntouched &&
    Object.keys(headers).length === names.length &&
    now === message.now &&
    bytes.equals(message.bytes)
  )
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString())
    return true
  } catch {
    return false
  }
}

function toText({ bytes, headers, now }: Forgery): object {
  return { now, headers, base64: bytes.toString('base64') }
}
