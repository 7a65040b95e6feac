import { UsageError } from '../../commands/arguments.ts'
import { commands } from '../../commands/index.ts'
import { createOutput } from '../../commands/output.ts'
import { loadConfig } from '../../config.ts'
import type { World } from './service.ts'

/** What a command prints, for people or with `--json`, its errors, and its exit code. */
export async function runCommand(
  world: World,
  [name = '', ...args]: string[],
  env: Record<string, string> = {},
  onLine: (line: string) => void = () => {},
  standIns?: ReadonlySet<string>,
) {
  const lines: string[] = []
  const errors: string[] = []
  const command = commands.get(name)
  if (!command || !('run' in command)) throw new Error(`${name} is no command that has settings.`)
  const print = (line: string) => {
    lines.push(line)
    onLine(line)
  }
  const output = createOutput(args.includes('--json'), print, (line) => void errors.push(line))
  const own = args.filter((arg) => arg !== '--json')
  const code = await command
    .run(loadConfig(world.env(env)), own, output, standIns)
    .catch((error: unknown) => {
      if (error instanceof UsageError) return 2
      throw error
    })
  return { code, lines, ...(errors.length > 0 && { errors }) }
}
