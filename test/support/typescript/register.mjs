// Node from 22.18 on reads TypeScript by itself. For Node 20 tap's own loader takes two seconds in each process; this
// one keeps what it made of a file under .data/test.
import { register } from 'node:module'

if (!process.features.typescript) {
  register('./load.mjs', import.meta.url)
  process.env.TAP_TYPE_STRIP_ONLY = '1'
}
// What a test starts in another folder would not find this file. Tap itself hands it on to the tests.
const { TAP, NODE_OPTIONS } = process.env
if (TAP && NODE_OPTIONS) process.env.NODE_OPTIONS = NODE_OPTIONS.replace(/--import=\S*register\.mjs/, '')
