/** What runs together, by the beginnings of its files' paths; the longest one that fits counts. */
export const suites = {
  feeds: ['plugins/feeds', 'plugins/freshness'],
  identity: ['plugins/identity', 'plugins/tenancy'],
  server: ['server', 'package', 'examples', 'docs'],
  auth: ['routes/auth'],
  domain: ['domain'],
  db: ['db'],
  lookups: ['plugins/read-through', 'plugins/reconcile'],
  plugins: ['plugins'],
  routes: ['routes'],
  sandbox: ['sandbox'],
  upstreams: ['upstreams'],
  rest: [''],
} as const satisfies Record<string, readonly string[]>

export type Suite = keyof typeof suites

export function suiteOf(file: string): Suite {
  const names = Object.keys(suites) as Suite[]
  const fitOf = (name: Suite) =>
    Math.max(...suites[name].map((start) => (file.startsWith(start) ? start.length : -1)))
  return names.reduce((best, name) => (fitOf(name) > fitOf(best) ? name : best))
}
