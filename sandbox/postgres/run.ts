import { spawn } from 'node:child_process'
import type { Account } from './account.ts'

/** No secret of the service, and no PG* variable that would redirect PostgreSQL, reaches its processes. */
export const childEnv = { LC_ALL: 'C', TZ: 'UTC' }

/** Runs a program to its end. A program that cannot even start has `code` undefined. */
export function run(program: string, args: string[], account: Account) {
  return new Promise<{ code: number | undefined; output: string }>((resolve) => {
    const child = spawn(program, args, { ...account, cwd: '/', env: childEnv, windowsHide: true })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => resolve({ code: undefined, output: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, output: output.trim() }))
  })
}
