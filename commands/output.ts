/** Where a command writes. Lines are for people; with `--json` standard output holds the result alone. */
export interface Output {
  /** A line on standard output; nothing with `--json`. */
  line(text: string): void
  /** A line on standard error. */
  error(text: string): void
  /** With `--json` this value is printed as one line of JSON; a command calls it once. */
  result(value: unknown): void
}

export function createOutput(
  isJson: boolean,
  print: (line: string) => void,
  complain: (line: string) => void,
): Output {
  return {
    line: (text) => void (isJson || print(text)),
    error: complain,
    result: (value) => void (isJson && print(JSON.stringify(value))),
  }
}
