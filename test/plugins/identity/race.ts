import type { IdentityWorld } from '../../support/identity-host.ts'

/**
 * So many times the three webhooks of a new member and their first two requests, all at once, over two instances.
 * `people` counts those who have exactly one user, organization and membership.
 */
export async function race(
  world: IdentityWorld,
  races: number,
): Promise<{ statuses: number[]; people: number; named: number }> {
  const { clerk, sql } = world
  const hosts = [await world.start({ LOG_LEVEL: 'warn' }), await world.start({ LOG_LEVEL: 'warn' })]
  const statuses = new Set<number>()
  for (let one = 0; one < races; one++) {
    const digits = String(one).padStart(20, '0')
    const [userId, organizationId] = [`user_2Race${digits}`, `org_2Race${digits}`]
    const before = clerk.messages().length
    clerk.users.put({ id: userId, email: `race${one}@example.com`, first_name: 'Race' })
    clerk.organizations.put({ id: organizationId, name: `Race ${one}` })
    clerk.memberships.put({ organization: organizationId, user: userId, role: 'org:member' })
    const token = await clerk.sessionToken({ userId, organizationId })
    const answers = await Promise.all([
      ...clerk
        .messages()
        .slice(before)
        .map(({ headers, body }, i) =>
          hosts[i % 2]?.app.inject({
            method: 'POST',
            url: '/api/sync/clerk',
            headers: { 'content-type': 'application/json', ...headers },
            body,
          }),
        ),
      ...hosts.map((host) => host.get('/ids', token)),
    ])
    for (const answer of answers) statuses.add(answer?.statusCode ?? 0)
  }
  const [row] = await sql<{ people: number; named: number }[]>`
    select count(*) filter (where one.users = 1 and one.organizations = 1 and one.memberships = 1)::int as people,
      count(*) filter (where one.name = 'Race')::int as named
    from generate_series(0, ${races - 1}) as race (number)
      cross join lateral (
        select count(distinct u.id) as users, count(distinct o.id) as organizations, count(m.upstream) as memberships,
          max(u.name) as name
        from firstlogin.users u
          left join firstlogin.memberships m on m.user_id = u.id and m.active
          left join firstlogin.organizations o on o.id = m.organization_id and o.name = 'Race ' || race.number
        where u.email = 'race' || race.number || '@example.com' and u.status = 'active') as one`
  return { statuses: [...statuses].sort((a, b) => a - b), people: row?.people ?? 0, named: row?.named ?? 0 }
}
