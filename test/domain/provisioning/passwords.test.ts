import fc from 'fast-check'
import t from 'tap'
import { passwordConvergence, play, type Step } from './password-histories.ts'

t.test(
  '2,000 random histories of cells, repeated cells, cleared cells, passwords set here and better hashes end alike, in every order',
  async (t) => {
    fc.assert(passwordConvergence, { numRuns: 2000 })
    t.pass()
  },
)

t.test(
  'rule 4: a repeated hash, and a change in another column, leave a password that was set here',
  async (t) => {
    const own: Step = { kind: 'set here', at: 5, hash: 'own 1' }
    t.equal(play([own, { kind: 'cell', at: 6, hash: 'weak 1' }]), 'own 1')
    t.equal(play([own, { kind: 'cell', at: 6, hash: 'weak 2' }]), 'weak 2')
    t.equal(play([own, { kind: 'cell', at: 6, hash: null }]), null)
    t.equal(play([own, { kind: 'cell', at: 4, hash: 'weak 2' }]), 'own 1')
  },
)

t.test(
  'rule 4: a better hash of the same password stays when the table repeats the weaker one',
  async (t) => {
    t.equal(play([{ kind: 'login' }, { kind: 'cell', at: 6, hash: 'weak 1' }]), 'strong 1')
    t.equal(play([{ kind: 'login' }, { kind: 'cell', at: 6, hash: 'weak 2' }]), 'weak 2')
    t.equal(play([{ kind: 'login' }, { kind: 'cell', at: 6, hash: null }]), null)
  },
)
