import { type Row, reached } from './rows.ts'

/** The rows as one text, columns aligned. */
export function toTable(rows: Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    amount(row.figure, row.unit),
    row.beside ? `${row.beside.name} ${amount(row.beside.figure, row.unit)}` : '',
    row.ratio === undefined ? '' : quotient(row.ratio, row.goal?.kind),
    row.goal ? toGoal(row.goal, row.unit) : '',
    toVerdict(row),
  ])
  const lines = [['what', 'figure', 'beside it', 'ratio', 'goal', 'verdict'], ...cells]
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [text[0], '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)), ...text.slice(1)].join(
    '\n',
  )
}

function amount(figure: number, unit: Row['unit']): string {
  const digits =
    figure >= 1000 ? Math.round(figure).toLocaleString('en') : figure.toFixed(figure < 100 ? 1 : 0)
  return unit === '/s' ? `${digits}/s` : `${digits} ${unit}`
}

function quotient(ratio: number, kind: 'share' | 'times' | 'most' | undefined): string {
  return kind === 'share' ? `${(ratio * 100).toFixed(1)} %` : `${ratio.toFixed(1)} x`
}

function toGoal({ kind, value }: NonNullable<Row['goal']>, unit: Row['unit']): string {
  return kind === 'most'
    ? `<= ${value} ${unit}`
    : `>= ${kind === 'share' ? `${value * 100} %` : `${value} x`}`
}

function toVerdict(row: Row): string {
  const share = reached(row)
  if (share === undefined) return ''
  return share >= 1
    ? 'met'
    : `missed by ${((row.goal?.kind === 'most' ? 1 / share - 1 : 1 - share) * 100).toFixed(1)} %`
}
