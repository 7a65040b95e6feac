import t from 'tap'
import { race } from '../plugins/identity/race.ts'
import { createIdentityWorld } from '../support/identity-host.ts'

const races = Number(process.env['RACES'] ?? 1000)

t.test(`${races} races of webhooks and first requests: no duplicate, no failure`, async (t) => {
  t.same(await race(await createIdentityWorld(t), races), { statuses: [200], people: races, named: races })
})
