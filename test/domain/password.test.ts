import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import { hash as bcryptHash, compare } from 'bcrypt'
import t from 'tap'
import type * as door from '../../domain/password.ts'
import {
  costOf,
  costToVerify,
  hashPassword,
  isBcryptHash,
  isOutdatedHash,
  isSupportedHash,
  isTooExpensiveHash,
  passwordForms,
  verifyPassword,
} from '../../domain/password.ts'

const password = 'correct horse battery staple'
/** As the library numbers them: its own enumeration exists in its types alone. */
const algorithms = { argon2d: 0, argon2i: 1, argon2id: 2 } as const
const cheap = { memoryCost: 64, timeCost: 1, parallelism: 1 }

t.test('every supported form of a hash lets the right password in and no other', async (t) => {
  const bcrypt = await bcryptHash(password, 4)
  const hashes = {
    ours: await hashPassword(password),
    argon2id: await argon2Hash(password, { ...cheap, algorithm: algorithms.argon2id }),
    argon2i: await argon2Hash(password, { ...cheap, algorithm: algorithms.argon2i }),
    argon2d: await argon2Hash(password, { ...cheap, algorithm: algorithms.argon2d }),
    'argon2id on two lanes': await argon2Hash(password, { ...cheap, parallelism: 2 }),
    'argon2id of 64 bytes': await argon2Hash(password, { ...cheap, outputLen: 64 }),
    $2b: bcrypt,
    $2a: bcrypt.replace('$2b', '$2a'),
    $2y: bcrypt.replace('$2b', '$2y'),
  }
  for (const [form, hash] of Object.entries(hashes)) {
    t.equal(isSupportedHash(hash), true, form)
    t.equal(await verifyPassword(password, hash), true, form)
    t.equal(await verifyPassword(`${password} `, hash), false, form)
    t.equal(await verifyPassword('', hash), false, form)
  }
})

t.test('a hash that libxcrypt or the reference argon2 made verifies', async (t) => {
  for (const [text, hash] of [
    ['rasmuslerdorf', '$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq'],
    ['password', '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA'],
    ['password', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'],
  ] as const) {
    t.equal(await verifyPassword(text, hash), true, hash)
  }
})

// shared/cases/argon2-parameter-orders.json
t.test(
  'an argon2 hash verifies whatever the order of its parameters, without a version, and padded',
  async (t) => {
    const tag = '/NtWlfL9yyHU5hEhREnFmPOej4YrRn/tjoS2XC2Zvak'
    const hashes = {
      'm,t,p': `$argon2id$v=19$m=4096,t=3,p=2$SRfI1CfyRVpyK7xcmNJvjg$${tag}`,
      'm,p,t': `$argon2id$v=19$m=4096,p=2,t=3$SRfI1CfyRVpyK7xcmNJvjg$${tag}`,
      't,m,p':
        '$argon2id$v=19$t=3,m=4096,p=1$pOZPd25pyNVkXPyQgHLT7Q$LQjC7HFLgrSsmW/sb8df6+9adR0yduXd+pouprFku1s',
      'version 16':
        '$argon2i$m=4096,t=3,p=1$uZ7PLXHHTCEMmZGiPcB15w$OdYeg5Yrw8+YML+HMTUGl+F0c++2JnCW0/zq95RKw6M',
      padded: `$argon2id$v=19$m=4096,t=3,p=2$SRfI1CfyRVpyK7xcmNJvjg==$${tag}=`,
      "Spring's": `{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=4096,t=3,p=2$SRfI1CfyRVpyK7xcmNJvjg$${tag}`,
      'zeros before a number': `$argon2id$v=19$m=0004096,t=03,p=2$SRfI1CfyRVpyK7xcmNJvjg$${tag}`,
    }
    for (const [form, hash] of Object.entries(hashes)) {
      t.equal(isSupportedHash(hash), true, form)
      t.equal(await verifyPassword('seven brown ferrets', hash), true, form)
      t.equal(await verifyPassword('seven brown ferret', hash), false, form)
      t.equal(isOutdatedHash(hash), true, form)
    }
  },
)

t.test('a bcrypt hash verifies behind the prefix that another tool wrote', async (t) => {
  const hash = await bcryptHash(password, 4)
  for (const prefix of ['{bcrypt}', '{BLF-CRYPT}', '{CRYPT}']) {
    t.equal(await verifyPassword(password, `${prefix}${hash}`), true, prefix)
    t.equal(isBcryptHash(`${prefix}${hash}`), true, prefix)
  }
})

// shared/cases/password-normal-forms.json
t.test('a password is tried as it was typed, then in NFC and in NFD', async (t) => {
  const [nfc, nfd] = ['p\u00e4ssw\u00f6rt lang', 'pa\u0308sswo\u0308rt lang']
  for (const stored of [nfc, nfd])
    for (const typed of [nfc, nfd, 'pa\u0308ssw\u00f6rt lang'])
      t.equal(await verifyPassword(typed, await argon2Hash(stored, cheap)), true)
  const mixed = 'pa\u0308ssw\u00f6rt lang'
  t.equal(await verifyPassword(mixed, await argon2Hash(mixed, cheap)), true, 'as typed')
  t.same(passwordForms('plain'), ['plain'])
  t.same(passwordForms(nfd), [nfd, nfc])
  t.same(passwordForms(mixed), [mixed, nfc, nfd])
  t.equal(costToVerify(mixed, null), 3)
})

const salt = 'c29tZXNhbHRzb21lc2FsdA'
const tag = 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
const argon2 = (parameters: string) => `$argon2id$v=19$${parameters}$${salt}$${tag}`
const costly = {
  'too much memory': argon2('m=131073,t=1,p=1'),
  'far too much memory': argon2('m=999999999,t=1,p=1'),
  'too many passes': argon2('m=64,t=20000,p=1'),
  'too much of both': argon2('m=131072,t=6,p=1'),
  'the most expensive one that was once accepted': argon2('m=131072,t=10,p=8'),
  'too many lanes': argon2('m=1024,t=1,p=9'),
  'a bcrypt cost of 13': `$2b$13$${'a'.repeat(53)}`,
  'a bcrypt cost of 31': `$2b$31$${'a'.repeat(53)}`,
}
const unreadable = {
  'no pass': argon2('m=64,t=0,p=1'),
  'no lane': argon2('m=64,t=1,p=0'),
  'less memory than its lanes need': argon2('m=15,t=1,p=2'),
  'a bcrypt cost of 3': `$2b$03$${'a'.repeat(53)}`,
  nothing: '',
  'the password itself': password,
  'an MD5 sum': '5f4dcc3b5aa765d61d8327deb882cf99',
  scrypt: '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
  'half a bcrypt hash': '$2b$10$abcdefghijklmnopqrstuv',
  'a bcrypt hash and more': `$2b$10$${'a'.repeat(54)}`,
  'argon2 of an unknown version': `$argon2id$v=20$m=64,t=1,p=1$${salt}$${tag}`,
  'argon2 with a parameter twice': `$argon2id$v=19$m=64,m=64,p=1$${salt}$${tag}`,
  'a prefix that means another algorithm': `{SSHA}$2b$10$${'a'.repeat(53)}`,
  'two lines': `$2b$10$${'a'.repeat(53)}\n`,
}
/** These pass for hashes until somebody computes. */
const torn = {
  'a salt that is no base64': `$argon2id$v=19$m=64,t=1,p=1$${salt.slice(0, 13)}$${tag}`,
  'a tag that is no base64': `$argon2id$v=19$m=64,t=1,p=1$${salt}$${tag}ab`,
}

t.test(
  'a hash that costs too much is told from text that is no hash, and neither is supported',
  async (t) => {
    for (const [what, hash] of Object.entries({ ...costly, ...unreadable }))
      t.equal(isSupportedHash(hash), false, what)
    for (const [what, hash] of Object.entries(costly)) t.equal(isTooExpensiveHash(hash), true, what)
    for (const [what, hash] of Object.entries(unreadable)) {
      t.equal(isTooExpensiveHash(hash), false, what)
      t.equal(costOf(hash), undefined, what)
    }
  },
)

t.test('what a hash costs follows from its text alone, in units of one hash of our own', async (t) => {
  t.equal(costOf(await hashPassword(password)), 1)
  const costs = {
    [argon2('m=65536,t=3,p=4')]: 5.05,
    [argon2('m=131072,t=5,p=8')]: 16.84,
    [argon2('m=64,t=1,p=1')]: 0.05,
    [`$2b$12$${'a'.repeat(53)}`]: 16,
    [`$2y$10$${'a'.repeat(53)}`]: 4,
    [`$2a$04$${'a'.repeat(53)}`]: 0.0625,
  }
  for (const [hash, cost] of Object.entries(costs)) {
    t.equal(Math.abs((costOf(hash) ?? 0) - cost) < 0.01, true, `${hash} costs ${costOf(hash)}`)
    t.equal(isSupportedHash(hash), true, hash)
  }
})

t.test('without a usable hash the answer is false, after the work of exactly one hash of ours', async (t) => {
  const argon2: string[] = []
  const bcrypt: string[] = []
  const watched: typeof door = await t.mockImport('../../domain/password.ts', {
    '@node-rs/argon2': {
      hash: argon2Hash,
      verify: (hash: string, password: string) => {
        argon2.push(hash)
        return argon2Verify(hash, password)
      },
    },
    bcrypt: {
      compare: (password: string, hash: string) => {
        bcrypt.push(hash)
        return compare(password, hash)
      },
    },
  })
  for (const [what, hash] of Object.entries({ 'no hash': null, ...costly, ...unreadable, ...torn })) {
    argon2.length = 0
    t.equal(await watched.verifyPassword(password, hash), false, what)
    const computed = argon2.filter((each) => each !== hash)
    t.equal(computed.length, 1, what)
    t.equal(watched.isOutdatedHash(computed[0] ?? ''), false, what)
  }
  t.strictSame(bcrypt, [])
  const real = await hashPassword(password)
  argon2.length = 0
  t.equal(await watched.verifyPassword(password, real), true)
  t.strictSame(argon2, [real])
})

t.test('a hash is outdated unless it is what we make today', async (t) => {
  t.equal(isOutdatedHash(await hashPassword(password)), false)
  for (const hash of [
    await bcryptHash(password, 4),
    await argon2Hash(password, cheap),
    await argon2Hash(password, { memoryCost: 19456, timeCost: 3, parallelism: 1 }),
    await argon2Hash(password, {
      memoryCost: 19456,
      timeCost: 2,
      parallelism: 1,
      algorithm: algorithms.argon2i,
    }),
  ]) {
    t.equal(isOutdatedHash(hash), true, hash)
  }
})

t.test('two hashes of one password differ, and say nothing of it', async (t) => {
  const [one, other] = [await hashPassword(password), await hashPassword(password)]
  t.not(one, other)
  t.notMatch(one, password)
})
