import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { bucketOf, slugCandidates } from '../../domain/slug.ts'

/** What vendors make, and what whoever makes a tenant may choose. */
const anyId = fc.oneof(
  fc.uuid(),
  fc.stringMatching(/^org_[0-9A-Za-z]{27}$/),
  fc.stringMatching(/^[a-zA-Z0-9_-]{1,200}$/),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom('', '-', '_', 'a', 'İ', '--------', 'abcdefg-', 'abcdefg--h', 'org_', '\n', '../../x'),
)

t.test('whatever the id, all that an organization may be called fits the name of a bucket', async (t) => {
  const fits = fc.property(anyId, (id) => {
    const candidates = slugCandidates(id)
    assert.ok(candidates.length >= 2)
    for (const slug of candidates) {
      assert.match(slug, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
      const bucket = bucketOf(slug)
      assert.match(bucket, /^[a-z0-9][a-z0-9-]*[a-z0-9]$/)
      assert.ok(bucket.length >= 3 && bucket.length <= 63, bucket)
    }
  })
  fc.assert(fits, { numRuns: 1000 })
  t.pass()
})

t.test('the same id has the same names, and no name twice; the last is that of no other id', async (t) => {
  const isStable = fc.property(anyId, anyId, (id, other) => {
    const candidates = slugCandidates(id)
    assert.deepEqual(slugCandidates(id), candidates)
    assert.equal(new Set(candidates).size, candidates.length)
    if (id !== other) assert.notEqual(candidates.at(-1), slugCandidates(other).at(-1))
  })
  fc.assert(isStable)
  t.pass()
})

t.test(
  'the best name is the first eight letters of the id, each further one is a letter longer',
  async (t) => {
    t.equal(slugCandidates('0190AB4c-11d2-7000-8000-000000000000')[0], '0190ab4c')
    t.equal(slugCandidates('org_2abcDEFghijk')[0], '2abcdefg')
    t.strictSame(slugCandidates('org_2abcDEFghij').slice(0, -2), [
      '2abcdefg',
      '2abcdefgh',
      '2abcdefghi',
      '2abcdefghij',
    ])
    t.equal(bucketOf('2abcdefg'), 'org-2abcdefg')
  },
)

t.test('an id that is short, or a hyphen in the eighth place, is no trouble', async (t) => {
  t.equal(slugCandidates('acme')[0], 'acme')
  t.equal(slugCandidates('acme-co-inc')[0], 'acme-co-i')
  t.match(slugCandidates('___')[0], /^[0-9a-f]{16}$/)
})
