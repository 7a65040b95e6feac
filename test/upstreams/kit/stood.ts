import { readdirSync, readFileSync } from 'node:fs'
import type { Test } from 'tap'
import type { TObject } from 'typebox'
import { Value } from 'typebox/value'
import { createHttp } from '../../../plugins/http.ts'
import type { FaultKind } from '../../../sandbox/faults.ts'
import type { Outage, Subject } from '../../../upstreams/kit/index.ts'
import type { UpstreamDefinition } from '../../../upstreams/upstream.ts'

interface StandIn {
  listen(): Promise<string>
  close(): Promise<void>
  setFault(fault: { kind: FaultKind }): unknown
  heal(): unknown
}

/** What can be wrong with a server, as far as the kit's own http function cannot show it. */
const kinds: FaultKind[] = ['reset', 'half_body']

/** Lets a stand-in listen, and says what every subject says of one: how it is reached, and how it can be ill. */
export async function standUp(t: Test, standIn: StandIn) {
  const apiUrl = await standIn.listen()
  const { http, close } = createHttp()
  t.teardown(async () => {
    await close()
    await standIn.close()
  })
  const outages = kinds.map(
    (kind): Outage => ({ name: kind, begin: () => standIn.setFault({ kind }), end: () => standIn.heal() }),
  )
  return { apiUrl, http, outages }
}

/** Of all settings, those that are not named have their defaults. */
export function settingsOf<Env extends TObject>(
  { env }: UpstreamDefinition<Env>,
  values: object,
): Subject['settings'] {
  return Value.Parse(env, Value.Default(env, values))
}

/** The fixtures of a vendor, by the names of their files. */
export function fixturesOf(vendor: string): [name: string, body: string][] {
  const folder = new URL(`../../fixtures/${vendor}/`, import.meta.url)
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return files.sort().map((file) => [file.replace('.json', ''), readFileSync(new URL(file, folder), 'utf8')])
}
