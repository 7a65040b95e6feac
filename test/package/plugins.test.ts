import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import Fastify, { type FastifyPluginCallback } from 'fastify'
import t from 'tap'

interface Meta {
  name: string
  fastify: string
  dependencies?: string[]
}

const folder = new URL('../../plugins/', import.meta.url)
const files = (await readdir(folder))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => basename(name, '.ts'))
const toDecorator = (file: string) => file.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

async function load(file: string) {
  const { default: plugin } = (await import(`../../plugins/${file}.ts`)) as { default: FastifyPluginCallback }
  const meta: unknown = Reflect.get(plugin, Symbol.for('plugin-meta'))
  return { file, plugin, meta: meta as Meta }
}
const plugins = await Promise.all(files.map(load))

for (const { file, plugin, meta } of plugins) {
  t.test(`plugins/${file}.ts bears its name, and refuses a missing dependency by name`, async (t) => {
    t.match(meta, { name: `firstlogin-${file}`, fastify: '5.x' })
    const [first] = meta.dependencies ?? []
    if (!first) return
    const app = Fastify()
    t.teardown(() => app.close())
    const expected = `The dependency '${first}' of plugin '${meta.name}' is not registered`
    await t.rejects(async () => app.register(plugin), { message: expected })
  })
}

t.test('what a plugin uses of another one is among its dependencies', async (t) => {
  const owners = new Map([
    ...files.map((file) => [toDecorator(file), `firstlogin-${file}`] as const),
    ['sql', 'firstlogin-db'],
  ])
  const dependenciesOf = new Map(plugins.map(({ meta }) => [meta.name, meta.dependencies ?? []]))
  const closure = (name: string): string[] =>
    (dependenciesOf.get(name) ?? []).flatMap((dependency) => [dependency, ...closure(dependency)])
  for (const { file, meta } of plugins) {
    const text = await readFile(new URL(`${file}.ts`, folder), 'utf8')
    const used = new Set(
      [...text.matchAll(/\bapp\.(\w+)/g)].flatMap(([, name = '']) => owners.get(name) ?? []),
    )
    used.delete(meta.name)
    const known = new Set(closure(meta.name))
    t.same(
      [...used].filter((name) => !known.has(name)),
      [],
      file,
    )
  }
})
