import { type Check, demand, demandRefusal } from './check.ts'
import { demandNoSecret } from './discretion.ts'
import type { Probe, ProbeOptions } from './probe.ts'
import type { Subject } from './subject.ts'

/** One way in which an upstream is asked. */
export interface Asking {
  /** By what, such as `by address`. */
  how: string
  /** A new adapter, and the question on its way. */
  ask: (options: ProbeOptions) => { probe: Probe; answer: Promise<unknown> }
  /** It asks for one thing by its name: a 404 may mean that it is not there. */
  isByName?: true
  /** Nobody waits for the answer: each call has time of its own. */
  isPatient?: true
}

const code = 'FL_UPSTREAM_UNAVAILABLE'
const longestWaitMs = 60_000

/** Every call has its turn, and its time. */
export function turnChecks(subject: Subject, askings: readonly Asking[]): Check[] {
  return [
    {
      name: `a gate that is closed is ${code}, without a call`,
      async run() {
        for (const { ask, how } of askings) {
          const { probe, answer } = ask({ isGateClosed: true })
          await demandRefusal(() => answer, code, `asked ${how}`)
          demand(probe.calls.length === 0, `Asked ${how}, it calls all the same.`)
        }
      },
    },
    {
      name: 'every call has a turn of its own, a second try as well, and there is no third',
      async run() {
        for (const { ask, how } of askings) {
          const isCall = ({ calls }: Probe) => calls.filter((call) => !subject.isLogin?.(call)).length
          const good = ask({})
          await good.answer
          const usual = isCall(good.probe)
          demand(good.probe.turns.length >= usual, `Asked ${how}, it calls more often than it has turns.`)
          let asked = 0
          const { probe, answer } = ask({
            answer(request, next) {
              if (subject.isLogin?.(request)) return next(request)
              asked += 1
              return Promise.resolve({ status: 503, headers: {}, body: '' })
            },
          })
          await demandRefusal(() => answer, code, `asked ${how}`)
          demand(probe.turns.length >= asked, `Asked ${how}, it tries again without a turn.`)
          demand(asked <= 2, `Asked ${how}, it tries ${asked} times.`)
        }
      },
    },
    {
      name: 'every call has a deadline, and where somebody waits all of them have one',
      async run() {
        for (const { ask, how, isPatient } of askings) {
          const calls: { at: number; deadlineMs: number }[] = []
          const { probe, answer } = ask({
            async answer(request, next, { advance }) {
              calls.push({ at: probe.now(), deadlineMs: request.deadlineMs })
              const response = await next(request)
              advance(4000)
              return response
            },
          })
          const start = probe.now()
          await answer.catch(() => {})
          const [longest = Number.NaN] = probe.turns
          demand(longest <= longestWaitMs, `Asked ${how}, it waits ${longest} ms for its turn.`)
          for (const { at, deadlineMs } of calls) {
            const isSane = deadlineMs > 0 && deadlineMs <= longestWaitMs
            demand(isSane, `Asked ${how}, a call has ${deadlineMs} ms.`)
            const isKept = isPatient || at + deadlineMs <= start + longest
            demand(isKept, `Asked ${how}, the last call may end after the deadline of the first.`)
          }
        }
      },
    },
    {
      name: 'a call that is slow counts as a failure, even if its answer is used',
      async run() {
        for (const { ask, how } of askings) {
          const { probe, answer } = ask({
            slowMs: 1,
            async answer(request, next) {
              const response = await next(request)
              await new Promise((resolve) => setTimeout(resolve, 15))
              return response
            },
          })
          await answer
          demand(probe.reports.includes('failed'), `Asked ${how}, the gate hears nothing of it.`)
        }
      },
    },
    {
      name: 'after a failure the gate hears of the first call that goes well',
      async run() {
        for (const { ask, how } of askings) {
          const { probe, answer } = ask({})
          await answer
          demand(probe.reports.includes('succeeded'), `Asked ${how}, it does not report that it went well.`)
        }
      },
    },
    {
      name: 'all calls go to one place, and none has a secret in its address',
      async run() {
        for (const { ask } of askings) {
          const { probe, answer } = ask({})
          await answer
          const urls = probe.calls.map(({ url }) => url)
          demand(new Set(urls.map((url) => new URL(url).origin)).size === 1, `They go to ${urls.join(', ')}.`)
          demandNoSecret(subject, 'the address of a call', urls)
        }
      },
    },
  ]
}
