import type { World } from './world.ts'

/** One line of the table. */
export interface Row {
  attack: string
  /** What was measured, with its unit. */
  figure: string
  /** What it must not exceed. */
  limit: string
  verdict: 'held' | 'failed'
}

export interface AttackContext {
  /** A few minutes for all attacks together; figures are rougher then. */
  isShort: boolean
  /** A database, a stand-in for Airtable, and processes of the built service; closed when the attack is over. */
  createWorld(): Promise<World>
  /** Progress, on stderr. */
  say(line: string): void
}

/** An attack on the running service: `npm run drill:attacks`. */
export interface Attack {
  name: string
  run(context: AttackContext): Promise<Row[]>
}

/** A figure that has to stay at or below a limit. */
export function atMost(attack: string, figure: number, limit: number, unit = ''): Row {
  const toText = (value: number) => `${Number(value.toFixed(3))}${unit && ` ${unit}`}`
  return {
    attack,
    figure: toText(figure),
    limit: `at most ${toText(limit)}`,
    verdict: figure <= limit ? 'held' : 'failed',
  }
}
