import { verify } from '@node-rs/argon2'
import bcrypt from 'bcrypt'
import t from 'tap'
import { cellText } from '../../../sandbox/airtable/render.ts'
import { open } from './opened.ts'

const passwords = [
  ['ada@example.com', 'analytical-engine'],
  ['Grace@Example.com', 'nanoseconds-matter'],
  ['edsger@example.com', 'goto-considered-harmful'],
  ['twin@example.com', 'two-of-a-kind'],
  ['TWIN@example.com', 'two-of-a-kind'],
  ["o'brien@example.com", 'quote-me-on-that'],
] as const

t.test('the people of the sandbox have the passwords that its documentation names', async (t) => {
  const { standIn } = await open(t)
  const people = standIn.records.list()
  const hashOf = (email: string) =>
    cellText(people.find(({ fields }) => fields['Email'] === email)?.fields['Password Hash'] ?? '')
  for (const [email, password] of passwords) {
    const hash = hashOf(email)
    const matches = hash.startsWith('$2') ? bcrypt.compare(password, hash) : verify(hash, password)
    t.equal(await matches, true, email)
  }
  t.match(hashOf('ada@example.com'), /^\$2b\$10\$/)
  t.match(hashOf('Grace@Example.com'), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})

t.test('alan has no hash, edsger is disabled, and the twins share one address', async (t) => {
  const { standIn } = await open(t)
  t.notOk(Object.hasOwn(standIn.records.find('recAlanTuring0001')?.fields ?? {}, 'Password Hash'))
  t.match(standIn.records.find('recEdsgerDijkstra'), { fields: { Status: 'Disabled' } })
  const emails = standIn.records.list().map(({ fields }) => cellText(fields['Email'] ?? '').toLowerCase())
  t.equal(emails.filter((email) => email === 'twin@example.com').length, 2)
})

t.test('every id is a prefix and 14 alphanumerics', async (t) => {
  const { standIn } = await open(t)
  for (const { id } of standIn.records.list()) t.match(id, /^rec[A-Za-z0-9]{14}$/)
})
