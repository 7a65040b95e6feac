import t from 'tap'
import { drillCrashes } from '../drills/crash/drill.ts'

t.test(
  'after kill -9 of the service or of PostgreSQL under load no acknowledged event is lost, none is applied twice, and no row is half written',
  { timeout: 60_000 },
  (t) => drillCrashes(t, { serviceKills: 4, databaseKills: 1 }),
)
