import t from 'tap'
import { judgeUsedToken, type Presented, type SessionUse } from '../../domain/refresh-grace.ts'

const client = { userAgent: 'Firefox', network: '192.0.2.1' }
const graceS = 30

/** A session whose tokens were issued that long ago, the newest first. */
function used(issuedAgoS: number[], more: Partial<SessionUse> = {}): SessionUse {
  return { generation: 9, issuedAgoS, repeatedAgoS: null, ...client, ...more }
}

const judge = (generation: number, use: SessionUse, more: Partial<Presented> = {}) =>
  judgeUsedToken({ generation, ...client, ...more }, use, graceS)

t.test('a used token is a repeat for as long as its successor is at most one grace old', async (t) => {
  t.equal(judge(8, used([30])), 'repeat')
  t.equal(judge(8, used([30.001])), 'reuse')
  t.equal(judge(6, used([1, 20, 30])), 'repeat', 'any ancestor is')
  t.equal(judge(6, used([1, 20, 31])), 'reuse')
  t.equal(judge(5, used([1, 20, 30])), 'reuse', 'one that is not remembered is not')
  t.equal(judgeUsedToken({ generation: 8, ...client }, used([0.001]), 0), 'reuse', 'without a grace none is')
})

t.test('a token of a generation that was never issued is reuse', async (t) => {
  for (const generation of [9, 10, 2 ** 32 - 1]) t.equal(judge(generation, used([1, 2, 3])), 'reuse')
})

t.test('another user agent is reuse, another network within the grace is not', async (t) => {
  for (const userAgent of ['', 'firefox', 'Firefox 2']) t.equal(judge(8, used([1]), { userAgent }), 'reuse')
  t.equal(judge(8, used([1]), { network: '198.51.100.1' }), 'repeat')
  t.equal(judge(8, used([1]), { network: null }), 'repeat')
})

t.test('after the grace a token is accepted that an older answer may have brought back', async (t) => {
  // Used 600 s ago; a repeat was seen just before, and nothing came after but within the same grace.
  t.equal(judge(8, used([600], { repeatedAgoS: 601 })), 'late')
  t.equal(judge(7, used([590, 600], { repeatedAgoS: 595 })), 'late')
  t.equal(judge(8, used([600])), 'reuse', 'no repeat was seen')
  t.equal(judge(8, used([600], { repeatedAgoS: 631 })), 'reuse', 'it was seen long before')
  t.equal(judge(7, used([60, 600], { repeatedAgoS: 601 })), 'reuse', 'the session went on since')
  t.equal(judge(8, used([600], { repeatedAgoS: 601 }), { network: '198.51.100.1' }), 'reuse')
  t.equal(judge(8, used([600], { repeatedAgoS: 601, network: null }), { network: null }), 'reuse')
  t.equal(judge(8, used([600], { repeatedAgoS: 601 }), { userAgent: 'curl' }), 'reuse')
})
