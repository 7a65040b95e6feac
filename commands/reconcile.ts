import { FirstloginError } from '../errors.ts'
import { mostDisabledOf, type ReconcileProgress, type ReconcileReport } from '../plugins/reconcile.ts'
import type { Command } from './command.ts'
import { connect } from './connect.ts'

export const reconcile: Command = {
  usage: 'reconcile [--force]',
  summary: 'compare all users upstream with all users here; --force disables any number of them',
  async run(config, args, print) {
    const unknown = args.filter((arg) => arg !== '--force')
    if (unknown.length > 0) {
      print('Usage: firstlogin reconcile [--force]')
      return 2
    }
    const app = await connect(config)
    let isWell = true
    try {
      for (const { name, directory } of app.upstreams) {
        if (!directory) continue
        const report = await app.reconcile
          .run(name, { force: args.includes('--force'), onProgress: createProgress(print) })
          .catch((error: unknown) => sayWhy(error, name, print))
        if (report) tell(report, print)
        isWell &&= report !== undefined && !report.isRefused
      }
    } finally {
      await app.close()
    }
    return isWell ? 0 : 1
  },
}

/** At most one line in two seconds. */
export function createProgress(
  print: (line: string) => void,
  clock: () => number = Date.now,
): (progress: ReconcileProgress) => void {
  let printedAt = Number.NEGATIVE_INFINITY
  return ({ upstream, pages, seen, changed, known, isWaiting }) => {
    if (clock() - printedAt < 2000) return
    printedAt = clock()
    const of = known > seen ? ` of about ${known}` : ''
    const waiting = isWaiting ? '; no answer, trying again' : ''
    print(`${upstream}: page ${pages}, ${seen}${of} records seen, ${changed} changed${waiting}`)
  }
}

function tell(report: ReconcileReport, print: (line: string) => void): void {
  const { upstream, seen, pages, changed, known, vanished, endedMemberships } = report
  const { disabled, withheld, unusable, isRefused } = report
  const walked = `${toCount(seen, 'record')} on ${toCount(pages, 'page')}`
  print(
    `${upstream}: ${walked}, ${changed} changed, ${vanished.length} gone, ${disabled} disabled, ${unusable.length} unusable`,
  )
  for (const { externalId, reason } of unusable) print(`  unusable: ${externalId} (${reason})`)
  if (endedMemberships > 0) print(`  ${toCount(endedMemberships, 'membership')} not listed any more`)
  for (const { email, externalId } of vanished) print(`  gone: ${email} (${externalId})`)
  for (const externalId of withheld) print(`  status not applied: ${externalId}`)
  if (isRefused)
    print(
      `Not everything was applied: one run disables at most ${mostDisabledOf(known)} of ${toCount(known, 'user')}. Look upstream; then --force if it is right.`,
    )
  else if (vanished.length > 0) print('They are disabled until they are seen again.')
}

function toCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function sayWhy(error: unknown, upstream: string, print: (line: string) => void): undefined {
  if (!(error instanceof FirstloginError)) throw error
  print(`${upstream}: ${error.message}`)
}
