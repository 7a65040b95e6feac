import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type Suite, suiteOf } from './suites.ts'

// Of random inputs each run tries the same ones, and what it says can be repeated; `npm run soak` tries others each time.
fc.configureGlobal({ seed: 8_675_309 })

const root = join(import.meta.dirname, '..')

/**
 * Runs the test files of a suite in this process, one after the other: to load the service takes longer than most of
 * them do. What a file sets for itself (hooks, jobs, what is torn down) ends with it.
 */
export async function runSuite(suite: Suite): Promise<void> {
  const entries = await readdir(root, { recursive: true })
  const files = entries.filter((name) => name.endsWith('.test.ts') && !name.startsWith('suites'))
  for (const file of files.sort()) if (suiteOf(file) === suite) await runFile(file)
}

async function runFile(file: string): Promise<void> {
  const running: PromiseLike<unknown>[] = []
  const before: ((t: Test) => unknown)[] = []
  const after: (() => unknown)[] = []
  const own = { test: t.test, beforeEach: t.beforeEach, teardown: t.teardown, jobs: t.jobs }

  t.test = ((...args: unknown[]) => {
    const work = args.pop() as (t: Test) => unknown
    const workAfterHooks = async (t: Test) => {
      for (const hook of before) await hook(t)
      return work(t)
    }
    const subtest = (own.test as (...args: unknown[]) => PromiseLike<unknown>).call(
      t,
      ...args,
      workAfterHooks,
    )
    running.push(subtest)
    return subtest
  }) as typeof t.test
  t.beforeEach = ((hook: (t: Test) => unknown) => void before.push(hook)) as typeof t.beforeEach
  t.teardown = ((work: () => unknown) => void after.unshift(work)) as typeof t.teardown
  const started = process.cpuUsage()
  try {
    await import(relative(import.meta.dirname, join(root, file)))
    await Promise.allSettled(running)
    for (const work of after) await work()
    const { user, system } = process.cpuUsage(started)
    t.comment(`${file}: ${Math.round((user + system) / 1000)} ms of CPU`)
  } finally {
    Object.assign(t, own)
  }
}
