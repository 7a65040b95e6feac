import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** `firstlogin` is a link to the project above, which nobody may have built yet. A published one needs none of this. */
export function buildOnce() {
  const project = new URL('.', import.meta.resolve('firstlogin/package.json'))
  // What a build writes last.
  if (existsSync(new URL('dist/db/migrations', project))) return
  if (!existsSync(new URL('node_modules', project))) npm('install', project)
  npm('run --silent build', project)
}

/** @param {string} args @param {URL} folder */
function npm(args, folder) {
  console.error(`npm ${args}, once, in ${fileURLToPath(folder)}`)
  // A shell: npm is a script of another name on Windows.
  const { status } = spawnSync(`npm ${args}`, { cwd: folder, stdio: ['ignore', 2, 2], shell: true })
  if (status !== 0) process.exit(1)
}
