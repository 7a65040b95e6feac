import t from 'tap'
import { isSchedule } from '../../domain/schedule.ts'

t.test('a schedule is five fields of cron that name a time there is', async (t) => {
  for (const text of [
    '30 3 * * *',
    '*/15 * * * *',
    '0 0 1,15 * 1-5',
    '59 23 31 12 7',
    '0-30/10 4 * * 0',
    '0 0 29 2 *',
  ])
    t.ok(isSchedule(text), text)
  for (const text of [
    '',
    'never',
    '@daily',
    '* * * *',
    '* * * * * *',
    '0  3 * * *',
    ' 0 3 * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    '1,,2 * * * *',
    '- * * * *',
    '0 0 31 2 *',
    '0 3 * * mon',
    '99 99 99 99 99',
  ])
    t.notOk(isSchedule(text), text)
})
