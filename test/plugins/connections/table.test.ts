import fc from 'fast-check'
import t from 'tap'
import { createConnectionTable } from '../../../plugins/connections/table.ts'

const networks = ['a', 'b', 'c'] as const

class Fake {
  readonly network: string
  busy = false

  constructor(network: string) {
    this.network = network
  }

  isBusy(): boolean {
    return this.busy
  }
}

t.test('the idlest connection is the one a plain list would name', async (t) => {
  const step = fc.record({
    action: fc.constantFrom('add', 'remove', 'renew', 'toggle'),
    network: fc.constantFrom(...networks),
    at: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = createConnectionTable<Fake>()
      /** The longest served first. */
      const list: Fake[] = []
      for (const { action, network, at } of steps) {
        const one = list[at % Math.max(1, list.length)]
        if (action === 'add') {
          const added = new Fake(network)
          table.add(added)
          list.push(added)
        } else if (one && action === 'toggle') one.busy = !one.busy
        else if (one) {
          list.splice(list.indexOf(one), 1)
          if (action === 'remove') table.remove(one)
          else {
            table.renew(one)
            list.push(one)
          }
        }
        const sizeOf = (name: string) => list.filter((other) => other.network === name).length
        const idle = list.filter((other) => !other.isBusy())
        const most = Math.max(0, ...idle.map((other) => sizeOf(other.network)))
        const largest = idle.filter((other) => sizeOf(other.network) === most)
        const found = table.findIdlest()
        if (table.size !== list.length) throw new Error('size')
        // Of networks of one size either may give way.
        const firsts = networks.map((name) => largest.find((other) => other.network === name))
        if (found ? !firsts.includes(found) : largest.length > 0) throw new Error('another one')
      }
    }),
    { numRuns: 500 },
  )
  t.pass()
})
