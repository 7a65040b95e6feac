import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { upstreams } from '../../../upstreams/index.ts'
import { type Subject, upstreamChecks } from '../../../upstreams/kit/index.ts'
import { createBad, type Defect, defects } from './bad.ts'

const folders = readdirSync(new URL('../../../upstreams/', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'kit')
  .map(({ name }) => name)

t.test('every folder of a vendor is in the list, under its own name', async (t) => {
  t.same(upstreams.map(({ name }) => name).sort(), folders.sort())
})

/** Each has a file of its own beside this one, called by its name: what the kit has to know of it. */
async function open(t: Test, name: string): Promise<Subject> {
  const module = (await import(`./${name}.ts`)) as Record<string, (t: Test) => Promise<Subject>>
  const [opened] = Object.values(module)
  if (!opened) throw new Error(`${name}.ts exports nothing.`)
  return opened(t)
}

/** Those of one capability, or all, that an adapter does not pass. */
async function brokenBy(defect: Defect | undefined, capability = ''): Promise<Map<string, string>> {
  const broken = new Map<string, string>()
  for (const { name, run } of upstreamChecks(createBad(defect)))
    if (name.startsWith(capability)) await run().catch((error: unknown) => broken.set(name, String(error)))
  return broken
}

t.test('a small adapter without a defect keeps every promise', async (t) => {
  t.same([...(await brokenBy(undefined))], [])
})

t.test('whatever an author gets wrong is said by the check for it', async (t) => {
  for (const [defect, check] of Object.entries(defects)) {
    const broken = await brokenBy(defect as Defect, check.split(':')[0])
    t.ok(broken.has(check), `${defect}: ${broken.size} checks say so`)
  }
})

t.test('a subject that leaves out what a check needs is told so, and does not pass', async (t) => {
  const { people: _, ...subject } = createBad()
  const checks = upstreamChecks(subject)
  const about = checks.find(({ name }) => name === 'lookup: it finds everybody by their address')
  await t.rejects(async () => about?.run(), { name: 'BrokenPromise', message: /`people`/ })
  const { webhook: __, ...another } = createBad()
  t.throws(() => upstreamChecks(another), { name: 'BrokenPromise', message: /`webhook`/ })
})

t.jobs = upstreams.length
for (const definition of upstreams) {
  t.test(`${definition.name} keeps every promise of an upstream`, { buffered: true }, async (t) => {
    const subject = await open(t, definition.name)
    t.equal(subject.definition, definition)
    const checks = upstreamChecks(subject)
    t.ok(checks.length >= 40, `${checks.length} checks`)
    t.equal(new Set(checks.map(({ name }) => name)).size, checks.length, 'each has a name of its own')
    const broken: Record<string, string> = {}
    for (const { name, run } of checks)
      await run().catch((error: Error) => {
        broken[name] = error.stack ?? error.message
      })
    t.same(broken, {})
  })
}
