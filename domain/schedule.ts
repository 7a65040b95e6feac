const ranges = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const

/** Whether a text is five fields of cron that name a time there is: numbers, `*`, ranges, steps and lists of them. */
export function isSchedule(text: string): boolean {
  const fields = text.split(' ')
  const isWithin = ranges.every(([least, most], index) => isField(fields[index] ?? '', least, most))
  return fields.length === ranges.length && isWithin && !isNever(fields[2] ?? '', fields[3] ?? '')
}

function isField(field: string, least: number, most: number): boolean {
  return field.split(',').every((part) => {
    const [, from, to, step] = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? ['', 'none']
    if (from === 'none' || (step !== undefined && Number(step) === 0)) return false
    const first = Number(from ?? least)
    const last = Number(to ?? first)
    return least <= first && first <= last && last <= most
  })
}

/** Such as the 31st of February. */
function isNever(days: string, month: string): boolean {
  const first = Number.parseInt(days, 10)
  return /^\d+$/.test(month) && /^\d/.test(days) && first > new Date(2024, Number(month), 0).getDate()
}
