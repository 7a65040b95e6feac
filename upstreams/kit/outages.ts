import { type Check, demand, demandRefusal } from './check.ts'
import { demandNobody, demandNoSecret } from './discretion.ts'
import { type Fault, faults, rateLimited, withFault } from './faults.ts'
import { isReportedAsTrouble, type Probe, type ProbeOptions } from './probe.ts'
import type { Subject } from './subject.ts'
import { type Asking, turnChecks } from './turns.ts'

const code = 'FL_UPSTREAM_UNAVAILABLE'
const longestPenaltyMs = 86_400_000

/** An upstream that cannot be asked is never taken for one that says no. */
export function outageChecks(subject: Subject, askings: readonly Asking[]): Check[] {
  const suffering = ({ isByName }: Asking) =>
    faults.filter(({ mayMeanNothing }) => !(isByName && mayMeanNothing))

  async function suffer(asking: Asking, fault: Fault, only: 'calls' | 'logins'): Promise<Probe> {
    const { probe, answer } = asking.ask(withFault(subject, fault, only))
    await demandRefusal(() => answer, code, `asked ${asking.how}`)
    return probe
  }

  return [
    ...faults.map((fault) => ({
      name: `${fault.name} is ${code}, and the gate hears of it`,
      async run() {
        for (const asking of askings) {
          if (!suffering(asking).includes(fault)) continue
          const { reports } = await suffer(asking, fault, 'calls')
          demand(isReportedAsTrouble(reports), `Asked ${asking.how}, it reports nothing to the gate.`)
        }
      },
    })),
    {
      name: 'a 429 closes the gate for a while, and not for more than a day',
      async run() {
        for (const asking of askings) {
          const { reports } = await suffer(asking, rateLimited, 'calls')
          const penalties = reports.flatMap((one) => (typeof one === 'object' ? [one.penaltyMs] : []))
          demand(penalties.length > 0, `Asked ${asking.how}, it reports no penalty.`)
          const isSane = penalties.every((ms) => ms > 0 && ms <= longestPenaltyMs)
          demand(isSane, `A penalty of ${penalties.join(', ')} ms is odd.`)
        }
      },
    },
    {
      name: `when the API cannot be opened it is ${code} as well`,
      async run() {
        if (!subject.isLogin) return
        for (const asking of askings)
          for (const fault of faults) {
            const { reports } = await suffer(asking, fault, 'logins')
            demand(isReportedAsTrouble(reports), `After ${fault.name} it reports nothing to the gate.`)
          }
      },
    },
    {
      name: 'no secret and no address of anybody is in its errors and its log, even if the upstream repeats them',
      async run() {
        const repeated = [200, 400, 401, 429, 500].map((status): ProbeOptions => {
          return { answer: async (request) => repeat(status, request) }
        })
        for (const { ask } of askings)
          for (const options of [{}, ...repeated]) {
            const { probe, answer } = ask(options)
            const error: unknown = await answer.catch((thrown: unknown) => thrown)
            const thrown = error instanceof Error ? error : undefined
            for (const [where, what] of [['the error', thrown] as const, ['the log', probe.lines] as const]) {
              demandNoSecret(subject, where, what)
              demandNobody(subject, where, what)
            }
          }
      },
    },
    ...turnChecks(subject, askings),
    ...(subject.outages ?? []).map(({ name, begin, end }) => ({
      name: `while the upstream has ${name} it is ${code}`,
      async run() {
        await begin()
        try {
          for (const { ask, how } of askings) await demandRefusal(() => ask({}).answer, code, `asked ${how}`)
        } finally {
          await end()
        }
        for (const { ask } of askings) await ask({}).answer
      },
    })),
  ]
}

/** An upstream that says back all that it was told. */
function repeat(status: number, request: { url: string; headers: object; body?: string }) {
  const told = JSON.stringify({ message: request.url, ...request.headers, body: request.body })
  return { status, headers: { 'content-type': 'application/json', 'x-request': told }, body: told }
}
