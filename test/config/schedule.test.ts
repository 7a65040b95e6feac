import t from 'tap'
import { isRefused, load } from './settings.ts'

t.test('RECONCILE_SCHEDULE is five fields of cron, or never', async (t) => {
  t.equal(load().RECONCILE_SCHEDULE, '30 3 * * *')
  for (const text of ['never', '*/15 * * * *', '0 0 1,15 * 1-5'])
    t.equal(load({ RECONCILE_SCHEDULE: text }).RECONCILE_SCHEDULE, text)
  isRefused(
    t,
    'RECONCILE_SCHEDULE',
    'nightly',
    '* * * *',
    '* * * * * *',
    '@daily',
    '0 3 * * mon;',
    '0  3 * * *',
  )
})
