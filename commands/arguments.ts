import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>

/** The arguments are not those of the usage: the command line prints the usage and exits with 2. */
export class UsageError extends Error {}

/** Reads options, and from `min` to `max` other words. Throws UsageError for everything else. */
export function readArguments<O extends Options>(
  args: string[],
  { options, min, max }: { options: O; min: number; max: number },
): { values: Parsed<O>['values']; words: string[] } {
  const { values, positionals } = parse(args, options)
  if (positionals.length < min || positionals.length > max) throw new UsageError()
  return { values, words: positionals }
}

type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>

function parse<O extends Options>(args: string[], options: O): Parsed<O> {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new UsageError('Unknown arguments', { cause: error })
  }
}
