// The floor of a login: verifying its password, and nothing else.
import { availableParallelism } from 'node:os'
import { verifyPassword } from '../../domain/password.ts'
import { answerQuestions, tellReady } from '../child.ts'

/** Verifies for some seconds, so many at a time, but no more than there are cores; answers how many a second. */
export interface VerifyJob {
  password: string
  hash: string
  concurrency: number
  seconds: number
}

async function verifyFor({ password, hash, concurrency, seconds }: VerifyJob): Promise<number> {
  const started = performance.now()
  let verified = 0
  async function verifyOn(): Promise<void> {
    while (performance.now() - started < seconds * 1000) {
      if (!(await verifyPassword(password, hash))) throw new Error('The password is wrong.')
      verified += 1
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, availableParallelism()) }, verifyOn))
  return (verified / (performance.now() - started)) * 1000
}

answerQuestions(verifyFor)
tellReady(undefined)
