import { FirstloginError } from '../errors.ts'
import { mostDisabledOf, type ReconcileProgress, type ReconcileReport } from '../plugins/reconcile.ts'
import { readArguments } from './arguments.ts'
import type { Command } from './command.ts'
import { connect } from './connect.ts'

export const reconcile: Command = {
  usage: 'reconcile [--force]',
  summary: 'compare all users upstream with all users here; --force disables any number of them',
  async run(config, args, output) {
    const { values } = readArguments(args, { options: { force: { type: 'boolean' } }, min: 0, max: 0 })
    const force = values.force ?? false
    const upstreams: (ReconcileReport | { upstream: string; error: string })[] = []
    const app = await connect(config)
    let isWell = true
    try {
      for (const { name, directory } of app.upstreams) {
        if (!directory) continue
        const report = await app.reconcile
          .run(name, { force, onProgress: createProgress(output.line) })
          .catch((error: unknown) => toFailure(name, error))
        upstreams.push(report)
        if ('error' in report) output.error(`${name}: ${report.error}`)
        else printReport(report, output.line)
        isWell &&= !('error' in report) && !report.isRefused
      }
    } finally {
      await app.close()
    }
    output.result({ upstreams })
    return isWell ? 0 : 1
  },
}

/** At most one line in two seconds. */
export function createProgress(
  print: (line: string) => void,
  clock: () => number = Date.now,
): (progress: ReconcileProgress) => void {
  let printedAt = Number.NEGATIVE_INFINITY
  return ({ upstream, pages, seen, changed, created, known, isWaiting }) => {
    if (clock() - printedAt < 2000) return
    printedAt = clock()
    const of = known > seen ? ` of about ${known}` : ''
    const waiting = isWaiting ? '; no answer, trying again' : ''
    print(
      `${upstream}: page ${pages}, ${seen}${of} records seen, ${created} created, ${changed - created} changed${waiting}`,
    )
  }
}

function printReport(report: ReconcileReport, print: (line: string) => void): void {
  const { upstream, seen, pages, changed, created, known, vanished, endedMemberships } = report
  const { disabled, withheld, unusable, isRefused } = report
  const walked = `${toCount(seen, 'record')} on ${toCount(pages, 'page')}`
  print(
    `${upstream}: ${walked}, ${created} created, ${changed - created} changed, ${vanished.length} gone, ${disabled} disabled, ${unusable.length} unusable`,
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

function toFailure(upstream: string, error: unknown): { upstream: string; error: string } {
  if (!(error instanceof FirstloginError)) throw error
  return { upstream, error: error.message }
}
