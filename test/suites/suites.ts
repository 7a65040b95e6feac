/** What runs together, by the beginnings of its files' paths; the longest one that fits counts. Those that take longest begin. */
export const suites = {
  server: ['server'],
  auth: ['routes/auth'],
  logins: ['routes/auth/login', 'sign-in'],
  lookups: ['plugins/read-through', 'plugins/reconcile'],
  feeds: ['plugins/feeds', 'plugins/freshness'],
  sandbox: ['sandbox'],
  identity: ['plugins/identity', 'plugins/tenancy'],
  routes: ['routes'],
  package: ['package', 'examples', 'docs'],
  plugins: ['plugins'],
  db: ['db'],
  domain: ['domain'],
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
