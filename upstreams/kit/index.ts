import type { Capabilities } from '../upstream.ts'
import { type Check, prefix } from './check.ts'
import { claimsChecks } from './claims.ts'
import { definitionChecks } from './definition.ts'
import { directoryChecks } from './directory.ts'
import { feedChecks } from './feed.ts'
import { lookupChecks } from './lookup.ts'
import { organizationsChecks } from './organizations.ts'
import { createProbe } from './probe.ts'
import { signUpHookChecks } from './sign-up-hook.ts'
import type { Subject } from './subject.ts'
import { webhookChecks } from './webhook.ts'

export { BrokenPromise, type Check } from './check.ts'
export type * from './subject.ts'

const checksOf: Record<keyof Capabilities, (subject: Subject) => Check[]> = {
  lookup: lookupChecks,
  organizations: organizationsChecks,
  webhook: webhookChecks,
  signUpHook: signUpHookChecks,
  claims: claimsChecks,
  directory: directoryChecks,
  feed: feedChecks,
}

/**
 * All that is promised by an adapter with these capabilities, for any test runner. A check throws a sentence that says
 * what is wrong. They are made one after the other: an outage of the upstream is everybody's.
 */
export function upstreamChecks(subject: Subject): Check[] {
  const { capabilities } = createProbe(subject)
  const names = Object.keys(checksOf).filter((name): name is keyof Capabilities =>
    Object.hasOwn(checksOf, name),
  )
  const own = names.filter((name) => capabilities[name] !== undefined)
  return [
    ...prefix('definition', definitionChecks(subject)),
    ...own.flatMap((name) => prefix(name, checksOf[name](subject))),
  ]
}
