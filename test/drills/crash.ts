/**
 * The long form of test/server/crash.test.ts: the service killed a hundred times in the middle of a load, PostgreSQL
 * twenty times. `npm run drill:crash` takes some three minutes.
 */
import t from 'tap'
import { drillCrashes } from './crash/drill.ts'

const serviceKills = Number(process.env['CRASH_KILLS'] ?? 100)
const databaseKills = Number(process.env['CRASH_DATABASE_KILLS'] ?? 20)

t.test(
  `the service killed ${serviceKills} times and PostgreSQL ${databaseKills} times: no event is lost, none applied twice`,
  { timeout: 1_800_000 },
  (t) => drillCrashes(t, { serviceKills, databaseKills }),
)
