import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const root = join(import.meta.dirname, '..')
// Not bin/oxlint: without an extension it confuses the hooks that tap puts into child processes.
const oxlint = join(dirname(createRequire(import.meta.url).resolve('oxlint/package.json')), 'dist/cli.js')

/** What each room may open, and what it must not; `type` before a path is a type import, `import()` a dynamic one. */
const doors: Record<string, { may: string[]; mayNot: string[] }> = {
  'schemas/a.ts': {
    may: ['typebox', './b.ts'],
    mayNot: ['../domain/a.ts', '../errors.ts', '../db/users.ts', 'fastify', 'node:crypto'],
  },
  'errors.ts': {
    may: [],
    mayNot: ['./domain/a.ts', './schemas/a.ts', 'typebox', 'node:util'],
  },
  'domain/a.ts': {
    may: ['node:crypto', '../schemas/a.ts', '../errors.ts', './b.ts', './a/b.ts'],
    mayNot: [
      '../db/users.ts',
      '../upstreams/upstream.ts',
      '../plugins/db.ts',
      '../sign-in/a.ts',
      '../routes/auth.ts',
      '../config.ts',
      '../app.ts',
      'fastify',
      '@fastify/jwt',
      'postgres',
      'undici',
      'node:fs',
      'node:http',
      'type ../db/users.ts',
      'import() ../db/users.ts',
    ],
  },
  'domain/a/b.ts': {
    may: ['../a.ts', './c.ts', '../../errors.ts', '../../schemas/a.ts'],
    mayNot: ['../../db/users.ts', '../../config.ts', 'fastify', 'node:net'],
  },
  'db/a.ts': {
    may: ['postgres', '../domain/a.ts', '../schemas/a.ts', '../errors.ts', './b.ts', 'node:crypto'],
    mayNot: [
      '../plugins/db.ts',
      '../routes/auth.ts',
      '../upstreams/upstream.ts',
      '../config.ts',
      'fastify',
      'pino',
    ],
  },
  'sign-in/a.ts': {
    may: [
      'postgres',
      'node:os',
      './b.ts',
      '../db/users.ts',
      '../domain/a.ts',
      '../schemas/a.ts',
      '../errors.ts',
    ],
    mayNot: [
      '../plugins/db.ts',
      '../routes/auth.ts',
      '../upstreams/index.ts',
      '../config.ts',
      '../app.ts',
      'fastify',
      'undici',
    ],
  },
  'upstreams/index.ts': {
    may: ['./airtable/index.ts', './upstream.ts'],
    mayNot: ['../db/users.ts', '../plugins/db.ts', 'fastify'],
  },
  'upstreams/airtable/a.ts': {
    may: [
      './b.ts',
      '../upstream.ts',
      '../../domain/a.ts',
      '../../schemas/a.ts',
      '../../errors.ts',
      'typebox',
    ],
    mayNot: [
      '../../db/users.ts',
      '../../plugins/db.ts',
      '../../routes/auth.ts',
      '../../config.ts',
      '../clerk/claims.ts',
      'fastify',
      '@fastify/jwt',
      'postgres',
      'undici',
      'node:https',
    ],
  },
  'sessions/a.ts': {
    may: [
      'postgres',
      './b.ts',
      '../db/users.ts',
      '../domain/a.ts',
      '../schemas/a.ts',
      '../errors.ts',
      '../upstreams/upstream.ts',
    ],
    mayNot: [
      '../upstreams/index.ts',
      '../plugins/db.ts',
      'type ../plugins/db.ts',
      '../routes/auth.ts',
      '../config.ts',
      '../app.ts',
      'fastify',
      '@fastify/jwt',
      'undici',
    ],
  },
  'plugins/a.ts': {
    may: [
      'fastify',
      'fastify-plugin',
      './db.ts',
      '../db/users.ts',
      '../domain/a.ts',
      '../sign-in/a.ts',
      '../schemas/a.ts',
      '../errors.ts',
      '../sessions/a.ts',
      '../upstreams/upstream.ts',
    ],
    mayNot: [
      '../upstreams/index.ts',
      '../upstreams/airtable/a.ts',
      '../routes/auth.ts',
      '../config.ts',
      '../app.ts',
    ],
  },
  'plugins/airtable.ts': {
    may: ['../upstreams/airtable/a.ts', '../upstreams/upstream.ts'],
    mayNot: ['../upstreams/clerk/a.ts', '../upstreams/index.ts', '../routes/auth.ts', '../config.ts'],
  },
  'routes/a.ts': {
    may: ['fastify', '../schemas/a.ts', '../errors.ts', '../upstreams/upstream.ts', 'type ../plugins/a.ts'],
    mayNot: [
      '../db/users.ts',
      'type ../db/users.ts',
      '../plugins/a.ts',
      '../domain/a.ts',
      '../sign-in/a.ts',
      '../upstreams/index.ts',
      '../config.ts',
      'postgres',
    ],
  },
  'config.ts': {
    may: ['./upstreams/index.ts', './schemas/a.ts', './errors.ts', 'typebox', 'node:fs'],
    mayNot: ['./db/users.ts', './plugins/a.ts', './routes/a.ts', './app.ts', './upstreams/airtable/a.ts'],
  },
  'app.ts': {
    may: ['./plugins/a.ts', './routes/a.ts', 'type ./config.ts', 'type ./sign-in/a.ts', 'fastify'],
    mayNot: [
      './sign-in/a.ts',
      './db/users.ts',
      './domain/a.ts',
      './upstreams/index.ts',
      './config.ts',
      './server.ts',
    ],
  },
  'server.ts': {
    may: ['./app.ts', './config.ts', './commands/migrate.ts', 'import() ./sandbox/start.ts', 'node:process'],
    mayNot: ['./db/users.ts', './domain/a.ts', './plugins/a.ts', './routes/a.ts', './upstreams/index.ts'],
  },
  'commands/a.ts': {
    may: ['../config.ts', '../db/users.ts', '../plugins/a.ts', '../domain/a.ts', '../upstreams/index.ts'],
    mayNot: ['../routes/a.ts', '../server.ts'],
  },
}

const closedToAll = ['sandbox/start.ts', 'bench/login.ts', 'test/doors.test.ts']
for (const [file, door] of Object.entries(doors)) {
  const up = relative(dirname(file), '.') || '.'
  const closed = closedToAll.filter((path) => file !== 'server.ts' || !path.startsWith('sandbox'))
  door.mayNot.push(...closed.flatMap((path) => [`${up}/${path}`, `import() ${up}/${path}`]))
  if (file !== 'server.ts') door.mayNot.push('node:process')
}

function toImport(what: string, index: number): string {
  const path = what.replace(/^(type|import\(\)) /, '')
  if (what.startsWith('import() ')) return `export const it${index} = import('${path}')`
  return `import ${what.startsWith('type ') ? 'type ' : ''}{ it as it${index} } from '${path}'`
}

const Findings = Type.Object({
  diagnostics: Type.Array(
    Type.Object({
      code: Type.String(),
      filename: Type.String(),
      labels: Type.Array(Type.Object({ span: Type.Object({ line: Type.Number() }) })),
    }),
  ),
})

/** Lints a tree of its own with the project's rules. */
async function lint(files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'firstlogin-doors-'))
  try {
    await copyFile(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), text)
    }
    const run = promisify(execFile)(process.execPath, [oxlint, '-f', 'json', '.'], {
      cwd: folder,
      maxBuffer: 2 ** 26,
    })
    // With findings it exits with 1.
    const { stdout } = await run.catch((error: { stdout: string }) => error)
    return Value.Parse(Findings, JSON.parse(stdout)).diagnostics
  } finally {
    await rm(folder, { recursive: true })
  }
}

t.test('the linter opens to each room the doors that it may use and no other', async (t) => {
  const imports = Object.entries(doors).map(([file, { may, mayNot }]) => ({
    file,
    all: [...may, ...mayNot],
    mayNot,
  }))
  const findings = await lint(
    Object.fromEntries(imports.map(({ file, all }) => [file, `${all.map(toImport).join('\n')}\n`])),
  )
  for (const { file, all, mayNot } of imports) {
    const refused = findings
      .filter(({ code, filename }) => filename === file && code === 'eslint(no-restricted-imports)')
      .map(({ labels }) => all[(labels[0]?.span.line ?? 0) - 1])
    t.same(new Set(refused), new Set(mayNot), file)
  }
})

t.test(
  'only server.ts says process, upstreams do not fetch by themselves, and nothing runs in circles',
  async (t) => {
    const says = 'export const it = process.pid\n'
    const findings = await lint({
      'plugins/a.ts': says,
      'config.ts': says,
      'db/a.ts': 'export const it = globalThis.process.pid\n',
      'upstreams/airtable/a.ts': "export const it = fetch('/')\n",
      'sandbox/a.ts': 'export const it = process.env\n',
      'domain/a.ts': "import { b } from './b.ts'\nexport const a = () => b\n",
      'domain/b.ts': "import { a } from './a.ts'\nexport const b = () => a\n",
      'routes/a.ts': 'export const it = (x: any) => console.log(x)\n',
      'server.ts': says,
      'sandbox/b.ts': says,
      'test/a.test.ts': says,
    })
    const found = findings.map(({ code, filename }) => `${filename} ${code}`).sort()
    t.same(found, [
      'config.ts eslint(no-restricted-globals)',
      'db/a.ts eslint(no-restricted-properties)',
      'domain/a.ts import(no-cycle)',
      'domain/b.ts import(no-cycle)',
      'plugins/a.ts eslint(no-restricted-globals)',
      'routes/a.ts eslint(no-console)',
      'routes/a.ts typescript(no-explicit-any)',
      'sandbox/a.ts eslint(no-restricted-properties)',
      'upstreams/airtable/a.ts eslint(no-restricted-globals)',
    ])
  },
)

/** Every TypeScript file of the project outside test/ and bench/, by its path. */
async function listSources(): Promise<string[]> {
  const rooms = Object.keys(doors).map((file) => file.split('/')[0] ?? '')
  const top = await readdir(root, { withFileTypes: true })
  const folders = top.filter((entry) => entry.isDirectory() && [...rooms, 'sandbox'].includes(entry.name))
  const inside = folders.map(async ({ name }) => {
    const names = await readdir(join(root, name), { recursive: true })
    return names.map((path) => join(name, path))
  })
  const all = [
    ...top.filter((entry) => entry.isFile()).map(({ name }) => name),
    ...(await Promise.all(inside)).flat(),
  ]
  return all.filter((path) => path.endsWith('.ts'))
}

t.test('every folder with code has its doors', async (t) => {
  const known = new Set(Object.keys(doors).map((file) => file.split('/')[0]))
  const free = ['bench', 'sandbox', 'test', 'node_modules', 'dist', 'coverage']
  const top = await readdir(root, { withFileTypes: true })
  for (const { name } of top.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))) {
    const names = await readdir(join(root, name)).catch(() => [])
    if (names.some((path) => path.endsWith('.ts'))) t.ok(known.has(name) || free.includes(name), name)
  }
})

t.test('the sandbox is entered by a dynamic import only, and no comment holds a door open', async (t) => {
  for (const path of await listSources()) {
    const text = await readFile(join(root, path), 'utf8')
    t.notMatch(text, /(oxlint|eslint)-disable.*(restricted|no-cycle)/, path)
    if (path === 'server.ts') t.notMatch(text, /\bfrom '\.\/sandbox\//, 'no static import of the sandbox')
  }
})
