/**
 * The long form of test/domain/provisioning/histories.test.ts, passwords.test.ts and test/domain/overrides.test.ts: a million random histories of
 * records and as many of passwords, on every core. `npm run
 * soak` takes some ten minutes on two; SOAK_HISTORIES sets another number.
 */
import { availableParallelism } from 'node:os'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { transparency } from '../domain/overrides/transparency.ts'
import { convergence } from '../domain/provisioning/convergence.ts'
import { passwordConvergence } from '../domain/provisioning/password-histories.ts'

const histories = Number(process.env['SOAK_HISTORIES'] ?? 1_000_000)
const atOnce = 500
const reportMs = 5000

interface Share {
  histories: number
  /** How many all workers have done. */
  done: Int32Array
}

if (isMainThread) {
  t.test(`${histories} random histories end with the same people in every order`, async (t) => {
    const done = new Int32Array(new SharedArrayBuffer(4))
    const cores = availableParallelism()
    const began = performance.now()
    const report = () => {
      const perSecond = (Atomics.load(done, 0) * 1000) / (performance.now() - began)
      t.comment(`${Atomics.load(done, 0)} of ${histories}, ${perSecond.toFixed(0)} per second`)
    }
    const timer = setInterval(report, reportMs)
    t.teardown(() => clearInterval(timer))
    const ends = Array.from({ length: cores }, (_, core) =>
      runWorker({ histories: Math.floor((histories + core) / cores), done }),
    )
    await Promise.all(ends)
    report()
    t.equal(Atomics.load(done, 0), histories)
  })
} else {
  checkHistories(workerData as Share)
}

function runWorker(share: Share): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: share })
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
}

/** Throws the first history that does not converge, as small as it can be, with the seed and path to find it again. */
function checkHistories({ histories, done }: Share): void {
  for (let rest = histories; rest > 0; rest -= atOnce) {
    const numRuns = Math.min(rest, atOnce)
    fc.assert(convergence, { numRuns })
    fc.assert(passwordConvergence, { numRuns })
    fc.assert(transparency, { numRuns: Math.ceil(numRuns / 10) })
    Atomics.add(done, 0, numRuns)
  }
}
