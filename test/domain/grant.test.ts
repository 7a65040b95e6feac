import fc from 'fast-check'
import t from 'tap'
import { findWord, isAtLeast, type RoleWords, roles, toGrant } from '../../domain/grant.ts'

const usual: RoleWords = { 'org:admin': 'admin', 'org:member': 'member' }

t.test('of several roles the strongest counts, whatever their order', async (t) => {
  const words: RoleWords = { o: 'owner', a: 'admin', m: 'member', v: 'viewer' }
  const strongest = fc.property(
    fc.subarray(['o', 'a', 'm', 'v'], { minLength: 1 }),
    fc.nat(3),
    (told, turn) => {
      const turned = [...told.slice(turn), ...told.slice(0, turn)]
      return toGrant(turned, words, {}).role === words[told[0] ?? '']
    },
  )
  fc.assert(strongest)
  t.pass()
})

t.test(
  'roles are kept as upstream writes them, in its order, the unknown and the doubled ones, too',
  async (t) => {
    const told = [' ORG:Admin ', 'billing', 'org:member', 'billing']
    const grant = toGrant(told, {}, usual)
    t.strictSame(grant, { roles: told, role: 'admin', isMapped: true })
    t.not(grant.roles, told)
  },
)

t.test('who has no role that is known is a viewer, and that is said', async (t) => {
  for (const told of [[], [''], ['billing'], ['__proto__', 'constructor', 'toString']])
    t.strictSame(toGrant(told, {}, usual), { roles: told, role: 'viewer', isMapped: false })
  t.match(toGrant(['looker'], { looker: 'viewer' }, usual), { role: 'viewer', isMapped: true })
})

t.test(
  "one's own words come before the usual ones, and neither knows of case or of space around",
  async (t) => {
    const own: RoleWords = { ' Org:Admin': 'owner', BOSS: 'admin' }
    for (const word of ['org:admin', 'ORG:ADMIN ', '\tOrg:Admin']) {
      t.equal(findWord(word, own, usual), 'owner')
      t.equal(findWord(word, {}, usual), 'admin')
    }
    t.equal(findWord('boss', own, usual), 'admin')
    t.equal(findWord('org:member', own, usual), 'member')
    t.equal(findWord('org', own, usual), undefined)
  },
)

t.test('a role is at least itself and all that are weaker', async (t) => {
  for (const [strength, role] of roles.entries()) {
    t.strictSame(
      roles.filter((needed) => isAtLeast(role, needed)),
      roles.slice(strength),
    )
  }
})
