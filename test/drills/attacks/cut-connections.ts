import { createRandom } from '../../domain/signature/forgery/random.ts'
import { cutAtRandom } from '../../plugins/tenancy/cut-at-random.ts'
import { createCuts } from '../../plugins/tenancy/cuts.ts'
import { createMarks, poolKinds } from '../../plugins/tenancy/marks.ts'
import { createProxy } from '../../support/proxy.ts'
import { type Attack, atMost, type Row } from './support/attack.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)

/** Connections are cut in the middle of `app.tenancy.run`, whose work goes on using its handle. */
export default {
  name: 'cut-connections',
  async run({ createWorld, isShort, say }) {
    const rows: Row[] = []
    for (const kind of poolKinds) {
      const { sql, databaseUrl } = await createWorld()
      const teardowns: (() => unknown)[] = []
      const wire = await createProxy(
        { teardown: (close: () => unknown) => void teardowns.push(close) },
        databaseUrl,
      )
      const marks = await createMarks({ url: wire.url, sql }, 'run')
      const host = await marks.open(kind)
      const cuts = Object.values(createCuts(sql, wire))
      const found = await cutAtRandom({ marks, host, cuts, random: createRandom(seed) }, isShort ? 100 : 1000)
      const { ran, escaped } = await marks.counts()
      say(`${kind}: ${JSON.stringify({ ...found, ran, seed })}`)
      rows.push(
        atMost(`${found.cut} cut connections in app.tenancy, ${kind}`, escaped, 0, 'statements elsewhere'),
      )
      await host.close()
      await marks.close()
      for (const close of teardowns) await close()
    }
    return rows
  },
} satisfies Attack
