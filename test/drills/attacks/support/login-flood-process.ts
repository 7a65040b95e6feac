import { once } from 'node:events'
import type { LoginFloodPlan } from './login-flood.ts'
import { countStatuses, createLoginClients, paced } from './logins.ts'

const { url, networks, perSecond, seconds } = JSON.parse(process.argv[2] ?? '') as LoginFloodPlan
const { login } = createLoginClients(url)
process.send?.('ready')
await once(process, 'message')
const answers = await paced(perSecond, seconds, (index) =>
  login(`203.0.113.${index % networks}`, `flood${index}@example.net`, 'wrong'),
)
process.send?.(countStatuses(answers))
