import { execFile } from 'node:child_process'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The environment that the tests were started in, without what tap and npm added to it. */
export const plainEnv = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(_?TAP|NODE_OPTIONS$|NODE_ENV$|npm_(?!config_))/.test(name),
  ),
)

/** A command line for a process of its own: tap puts its hooks into whatever a test starts, and this takes them out. */
export function unhooked(command: string, args: string[]): [command: string, args: string[]] {
  return ['env', ['-u', 'NODE_OPTIONS', command, ...args]]
}

/** The program in dist, brought up to date if it is not: `npm test` builds first, and then nothing is written. */
export async function findProgram(): Promise<string> {
  const lock = join(root, '.data/test/build.lock')
  await mkdir(join(root, '.data/test'), { recursive: true })
  while (!(await take(lock))) await sleep(50)
  try {
    const build = unhooked('npm', ['run', '--silent', 'build'])
    await promisify(execFile)(...build, { cwd: root, env: plainEnv })
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error ? error.stdout : ''
    throw new Error(`The build fails:\n${said}`, { cause: error })
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
  return join(root, 'dist/server.js')
}

async function take(lock: string): Promise<boolean> {
  try {
    await mkdir(lock)
    return true
  } catch {
    const made = await stat(lock).catch(() => undefined)
    // Nobody builds for a minute: whoever held it was killed.
    if (made && Date.now() - made.mtimeMs > 60_000) await rm(lock, { recursive: true, force: true })
    return false
  }
}
