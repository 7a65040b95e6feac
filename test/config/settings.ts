import type { Test } from 'tap'
import { ConfigError, loadConfig } from '../../config.ts'

export const needed = {
  DATABASE_URL: 'postgres://firstlogin@127.0.0.1/firstlogin',
  FIRSTLOGIN_SECRET: 'a secret for tests of at least 32 bytes',
  AIRTABLE_TOKEN: 'patTest.token',
  AIRTABLE_BASE_ID: 'appAAAAAAAAAAAAAA',
  AIRTABLE_TABLE: 'Users',
}

export const load = (env: Record<string, string | undefined> = {}) => loadConfig({ ...needed, ...env })

/** The names of the settings that are refused. */
export function refused(env: Record<string, string | undefined>): string[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => /^\w+/.exec(problem)?.[0] ?? '')
  }
}

/** Asserts that each value is refused, under that name and no other. */
export function isRefused(t: Test, name: string, ...values: string[]) {
  for (const value of values)
    t.same(refused({ ...needed, [name]: value }), [name], `${name}=${value.slice(0, 60)}`)
}
