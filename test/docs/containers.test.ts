import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Settings } from '../../config.ts'
import { upstreams } from '../../upstreams/index.ts'

const root = join(import.meta.dirname, '../..')
const read = (name: string) => readFile(join(root, name), 'utf8')
const settings = new Set(
  [Settings, ...upstreams.map(({ env }) => env)].flatMap((schema) => Object.keys(schema.properties)),
)

t.test('each upstream has a compose file, whose secrets are settings of that upstream', async (t) => {
  const files = (await readdir(root)).filter((name) => /^compose\.\w+\.yaml$/.test(name))
  t.same(files.sort(), upstreams.map(({ name }) => `compose.${name}.yaml`).sort())
  for (const { name, env } of upstreams) {
    const text = await read(`compose.${name}.yaml`)
    const given = /secrets: \[(.*)\]/.exec(text)?.[1]?.split(', ') ?? []
    t.same(
      [...text.matchAll(/file: \.\/secrets\/(\w+)/g)].map(([, file]) => file),
      given,
      `${name}: each has its file`,
    )
    for (const secret of given) t.ok(secret.toUpperCase() in env.properties, secret)
  }
})

t.test('.env.example and compose.yaml name settings that there are', async (t) => {
  const example = await read('.env.example')
  const names = [...example.matchAll(/^(?:# )?([A-Z][A-Z_]+)=/gm)].map(([, name = '']) => name)
  t.same(
    names.filter((name) => !settings.has(name)),
    ['COMPOSE_FILE'],
  )
  const secrets = /secrets: \[(database_url.*)\]/.exec(await read('compose.yaml'))?.[1]?.split(', ') ?? []
  t.ok(secrets.length > 0 && secrets.every((name) => settings.has(name.toUpperCase())))
})
