import { readFile } from 'node:fs/promises'
import t from 'tap'
import type { TObject, TSchema } from 'typebox'
import { loadConfig, Settings } from '../../config.ts'
import { defaultOwnership } from '../../domain/ownership.ts'
import { catalogue } from '../../errors.ts'
import { createAirtableStandIn } from '../../sandbox/airtable/stand-in.ts'
import { readers } from '../../upstreams/clerk/events.ts'
import { upstreams } from '../../upstreams/index.ts'
import { createVendors } from '../support/vendors.ts'

const readText = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

const vendors = ['clerk', 'frontegg', 'supabase']
const settingsPage = await readText('docs/settings.md')
const guides = new Map<string, string>()
for (const name of vendors) guides.set(name, await readText(`docs/${name}.md`))
const pages = [...guides, ['settings', settingsPage] as const]

const ofService: Record<string, TSchema> = Settings.properties
const ofUpstreams: Record<string, TSchema> = Object.assign({}, ...upstreams.map(({ env }) => env.properties))
const required = new Set(
  [Settings, ...upstreams.map(({ env }): TObject => env)].flatMap((env) => env.required ?? []),
)

/** What a page names in capitals: settings, by themselves or as a file. */
function settingsIn(page: string): string[] {
  const text = page.replace(/^```sql\n.*?^```$/gms, '').replaceAll(/\bNAME_FILE\b/g, '')
  const named = text.match(/\b(?!FL_|ERR_)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? []
  return [...new Set(named.map((name) => name.replace(/_FILE$/, '')))]
}

/** Name and default of every row of the tables of settings. */
function readRows(page: string): Map<string, string> {
  const rows = [...page.matchAll(/^\| (`[A-Z].*?) \| (.*?) \|/gm)]
  return new Map(
    rows.flatMap(([, names = '', fallback = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, fallback] as const),
    ),
  )
}

/** As one would write it into the environment. */
function toText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return value.join(',')
  return Object.entries(value)
    .map((entry) => entry.join('='))
    .join(',')
}

t.test('every setting that a guide names is one', async (t) => {
  const known = new Set(Object.keys({ ...ofService, ...ofUpstreams }))
  for (const [name, page] of pages)
    t.same(
      settingsIn(page).filter((one) => !known.has(one)),
      [],
      name,
    )
})

t.test('every setting of the service and of all upstreams is in the list, with its default', async (t) => {
  const rows = readRows(settingsPage)
  t.same([...rows.keys()].sort(), Object.keys({ ...ofService, ...ofUpstreams }).sort())
  for (const [name, rule] of Object.entries({ ...ofService, ...ofUpstreams })) {
    const told = rows.get(name) ?? ''
    const value = 'default' in rule ? toText(rule.default) : undefined
    if (name === 'FIELD_OWNERSHIP') t.ok(told.includes('the rest `local`'), name)
    else if (value) t.ok(told.includes(`\`${value}\``), name)
    else if (value === undefined && required.has(name)) t.match(told, / outside production$/, name)
    else t.ok(['none', 'made in the sandbox'].includes(told), name)
  }
  const [owners = ''] = /(?<=^\| `FIELD_OWNERSHIP` \| `).*?(?=`)/m.exec(settingsPage) ?? []
  const { email: _, ...others } = defaultOwnership
  t.equal(toText(Object.fromEntries(Object.entries(others).filter(([, owner]) => owner !== 'local'))), owners)
})

t.test('every setting of a vendor is in its guide', async (t) => {
  for (const { name, env } of upstreams) {
    const page = guides.get(name)
    if (page)
      t.same(
        Object.keys(env.properties).filter((one) => !readRows(page).has(one)),
        [],
        name,
      )
  }
})

t.test('the settings that a guide begins with are accepted', async (t) => {
  const own = { DATABASE_URL: 'postgres://localhost/x', FIRSTLOGIN_SECRET: 'x'.repeat(32) }
  for (const [name, page] of guides) {
    const [, block = ''] = /^## Settings\n\n```sh\n(.*?)^```$/ms.exec(page) ?? []
    const lines = [...block.matchAll(/^(\w+)=(\S+)/gm)].map(
      ([, key = '', value = '']) => [key, value] as const,
    )
    const values = lines.map(([key, value]) => [
      key,
      value.replace('...', key.includes('SECRET') ? 'abcd'.repeat(11) : 'x'),
    ])
    const maps = [...page.matchAll(/^(\w+_ROLE_MAP)='(.*)'$/gm)].map(([, key, value]) => [key, value])
    t.equal(maps.length, 1, name)
    const env = { ...own, ...Object.fromEntries([...values, ...maps]), UPSTREAMS: name }
    t.match(loadConfig(env).upstreams, [{ name }])
  }
})

t.test('every error that a guide names is in the catalogue', async (t) => {
  for (const [name, page] of pages)
    t.same(page.match(/\bFL_[A-Z_]+\b/g)?.filter((code) => !Object.hasOwn(catalogue, code)) ?? [], [], name)
})

t.test('the events to choose in Clerk are those that are understood', async (t) => {
  const [, steps = ''] = /^## Webhooks\n(.*?)^4\. /ms.exec(guides.get('clerk') ?? '') ?? []
  const named = [...steps.matchAll(/`(\w+\.\w+)`/g)].map(([, event = '']) => event)
  t.same(named.filter((name) => name !== 'login.example').sort(), [...readers.keys()].sort())
})

t.test("the guide's trigger for Supabase is the one that is tested", async (t) => {
  const [, sql] = /^```sql\n(.*?)^```$/ms.exec(guides.get('supabase') ?? '') ?? []
  t.equal(sql, await readText('test/fixtures/supabase/trigger.sql'))
})

t.test('every address that a guide names is there', async (t) => {
  const { start } = await createVendors(t)
  const airtable = createAirtableStandIn({ token: 'pat' })
  t.teardown(() => airtable.close())
  const { app } = await start('airtable,clerk,frontegg,supabase', {
    AIRTABLE_TOKEN: 'pat',
    AIRTABLE_BASE_ID: airtable.baseId,
    AIRTABLE_TABLE: 'Users',
    AIRTABLE_API_URL: await airtable.listen(),
    AIRTABLE_USER_SYNC_SECRET: 'a secret of user events',
    USER_WEBHOOK_SYNC_ENABLED: 'true',
  })
  const named = pages.flatMap(
    ([, page]) => page.match(/(?<![\w.])\/api\/[a-z/_-]+|(?<=\.com)\/api\/[a-z/_-]+/g) ?? [],
  )
  const addresses = [...new Set(named)].sort()
  t.same(addresses, [
    '/api/auth/identity',
    '/api/sync/clerk',
    '/api/sync/frontegg',
    '/api/sync/supabase',
    '/api/sync/supabase/hooks',
    '/api/sync/users/inbound',
  ])
  for (const url of addresses) {
    const method = url.startsWith('/api/sync') ? 'POST' : 'GET'
    const headers = { 'content-type': 'application/json' }
    const reply = await app.inject({ method, url, headers, ...(method === 'POST' && { body: '{}' }) })
    t.equal(reply.statusCode, 401, url)
  }
})
